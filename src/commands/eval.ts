import { type CsvNames, csvLine } from '../csv.js';
import { joinPath } from '../data/index/image-index.js';
import { ConfigError } from '../errors.js';
import type { Combine } from '../eval/combine.js';
import { ensemble, fitOnPart } from '../eval/ensemble.js';
import { EvaluationTally, perClassCsv, type Report } from '../eval/evaluation-report.js';
import { resultColumns, resultLine } from '../eval/results.js';
import { writeScoreFile } from '../eval/score-file.js';
import type { ScoreSet } from '../eval/score-set.js';
import { writeOutput } from '../files.js';
import { EVAL_DEFAULTS } from './defaults.js';
import type { Hooks } from './hooks.js';
import { checkOutput } from './options.js';
import {
  checkScoreFiles,
  type Scored,
  type ScoredRow,
  Scorer,
  type ScoringOptions,
  type TestSet,
} from './scoring.js';

export interface EvalCommandOptions extends ScoringOptions {
  results?: string;
  /** Classes of each image in a results file (.csv); default 5. */
  topk?: number;
  scores?: string;
  confusion?: string;
  perClass?: string;
  /** In CSV files, names exactly as they are. */
  rawNames?: boolean;
  /** Runs, checkpoints and score files. */
  ensemble?: readonly string[];
  /** Default: `average`. */
  combine?: Combine;
  weights?: readonly number[];
  /** Share of the images to fit the weights on. */
  fitWeights?: number;
}

/** One network of an ensemble. */
export interface MemberResult {
  source: string;
  step: number | null;
  protocol: Scored['protocol'];
  /** Of an average. */
  weight: number | null;
}

export interface EvalResult extends Report {
  /** Of an ensemble: its members, joined by " + ". */
  checkpoint: string;
  /** Null for an ensemble and a score file. */
  step: number | null;
  data: string;
  /** Files that could not be decoded and do not count. */
  skipped: number;
  /** Null if no network was run. */
  imagesPerSecond: number | null;
  /** Null if no network was run. */
  engine: string | null;
  protocol: Scored['protocol'];
  /** Of an ensemble. */
  combine?: Combine;
  members?: MemberResult[];
  /** Images that the weights were fitted on; they do not count. */
  fittedOn?: number;
  /** `[label][predicted]`, where there are few classes. */
  confusion?: number[][];
}

/** Larger confusion matrices are only written as files. */
const CONFUSION_IN_JSON = 50;

/**
 * `relaybp eval`: a network, or several as an ensemble, on a labelled test set (paper, §4). The auxiliary heads are
 * neither built nor run.
 */
export async function evalCommand(
  target: string | undefined,
  options: EvalCommandOptions = {},
  hooks: Hooks = {},
): Promise<EvalResult> {
  checkOptions(target, options);
  const scorer = new Scorer(options, hooks);
  const gathered = new Gathered(options);
  const { scored, set, scores, ...about } = await scoredBy(scorer, target, options, gathered);
  const seconds = scored.reduce((sum, one) => sum + one.seconds, 0);
  const tally = gathered.tally(set.classes);
  const [first] = scored as [Scored<TestSet>];
  const result: EvalResult = {
    checkpoint: set.source,
    step: options.ensemble ? null : first.step,
    data: first.data,
    ...tally.report(),
    skipped: first.skipped,
    imagesPerSecond: seconds > 0 ? Number((first.set.paths.length / seconds).toFixed(1)) : null,
    engine: await scorer.engineName(),
    protocol: options.ensemble ? null : first.protocol,
    ...about,
  };
  if (set.classes.length <= CONFUSION_IN_JSON) result.confusion = tally.confusion.matrix();
  if (options.scores) writeScoreFile(options.scores, scores!);
  writeFiles(options, result, gathered);
  for (const notice of tally.notices()) hooks.notice?.(notice);
  return result;
}

/** What an evaluation keeps of each image. */
class Gathered {
  private counts: EvaluationTally | null = null;
  /** Of the results file. */
  readonly lines: string[] = [];
  private readonly names: CsvNames;

  constructor(private readonly options: EvalCommandOptions) {
    this.names = options.rawNames ? 'raw' : 'guarded';
  }

  add({ root, classes, path, label, row }: ScoredRow): void {
    this.tally(classes).add(row, label);
    if (!this.options.results?.endsWith('.csv')) return;
    const { names, options } = this;
    const image = joinPath(root, path);
    this.lines.push(resultLine({ image, row, label }, { classes, k: options.topk, names }));
  }

  /** @param classes the same every time */
  tally(classes: readonly string[]): EvaluationTally {
    this.counts ??= new EvaluationTally(classes);
    return this.counts;
  }
}

type Combined = Pick<EvalResult, 'combine' | 'members' | 'fittedOn'>;

/**
 * Scores one network or several, and gathers what is said about each image. All scores are kept (images × classes)
 * only for an ensemble and for `--scores`.
 */
async function scoredBy(
  scorer: Scorer,
  target: string | undefined,
  options: EvalCommandOptions,
  gathered: Gathered,
): Promise<{ scored: Scored<TestSet>[]; set: TestSet; scores?: ScoreSet } & Combined> {
  if (!options.ensemble && !options.scores) {
    const one = await scorer.scoreEach(target, (image) => gathered.add(image));
    return { scored: [one], set: one.set };
  }
  const scored = await scorer.scoreAll(options.ensemble ?? [target]);
  const { set, ...about } = combined(scored, options);
  const { root, classes, paths, labels } = set;
  for (const [i, row] of set.rows.entries()) {
    gathered.add({ root, classes, path: paths[i]!, label: labels[i]!, row });
  }
  return { scored, set, scores: set, ...about };
}

function combined(
  scored: readonly Scored[],
  options: EvalCommandOptions,
): { set: ScoreSet } & Combined {
  const { combine = EVAL_DEFAULTS.combine, fitWeights } = options;
  const sets = scored.map(({ set }) => set);
  if (!options.ensemble) return { set: sets[0]! };
  const fitted = fitWeights === undefined ? null : fitOnPart(sets, fitWeights);
  const weights = fitted?.weights ?? shares(options.weights ?? sets.map(() => 1));
  const members = scored.map(({ set, step, protocol }, i) => {
    return {
      source: set.source,
      step,
      protocol,
      weight: combine === 'average' ? weights[i]! : null,
    };
  });
  const set = ensemble(fitted?.rest ?? sets, combine, weights);
  return fitted ? { set, combine, members, fittedOn: fitted.images } : { set, combine, members };
}

function shares(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function writeFiles(options: EvalCommandOptions, result: EvalResult, gathered: Gathered): void {
  const names = options.rawNames ? 'raw' : 'guarded';
  if (options.results?.endsWith('.csv')) {
    writeOutput(
      options.results,
      csvLine(resultColumns(options.topk), names) + gathered.lines.join(''),
    );
  } else if (options.results) {
    writeOutput(options.results, `${JSON.stringify(result, null, 1)}\n`);
  }
  const { confusion } = gathered.tally(result.perClass.map((each) => each.class));
  if (options.confusion) writeOutput(options.confusion, confusion.csv(names));
  if (options.perClass) writeOutput(options.perClass, perClassCsv(result, names));
}

const isCsv = (file: string | undefined): boolean => file !== undefined && !file.endsWith('.json');

/** Mistakes that show before anything is scored. */
function checkOptions(target: string | undefined, options: EvalCommandOptions): void {
  const { ensemble: members, combine, weights, fitWeights, scores } = options;
  const fail = (message: string, hint: string): never => {
    throw new ConfigError(message, hint);
  };
  checkOutput('--results', options.results);
  checkOutput('--scores', scores);
  checkOutput('--per-class', options.perClass);
  checkOutput('--confusion', options.confusion);
  if (options.results && !/\.(csv|json)$/.test(options.results)) {
    fail(
      `--results ${options.results}: a file ending in .csv (per image) or .json (the report)`,
      `--results ${options.results}.json`,
    );
  }
  if (options.rawNames && ![options.results, options.perClass, options.confusion].some(isCsv)) {
    fail(
      '--raw-names is about CSV files, and none is written',
      'add --results FILE.csv, --per-class or --confusion, or leave it out',
    );
  }
  if (options.topk !== undefined && !options.results?.endsWith('.csv')) {
    fail('--topk is about per-image results, and none are written', 'add --results FILE.csv');
  }
  checkScoreFiles(members ?? [target], options);
  if (scores && !scores.endsWith('.safetensors')) {
    fail(`--scores ${scores}: score files end in .safetensors`, `--scores ${scores}.safetensors`);
  }
  if (members && target !== undefined) {
    fail(
      `"${target}" and --ensemble: it is not clear what to evaluate`,
      'name all members after --ensemble',
    );
  }
  if (!members && (weights || fitWeights !== undefined || combine === 'product')) {
    fail(
      '--weights, --fit-weights and --combine are for ensembles',
      'name the members: --ensemble A B',
    );
  }
  if (weights && fitWeights !== undefined) {
    fail('--weights and --fit-weights exclude each other', 'give one of them');
  }
  if (combine === 'product' && (weights || fitWeights !== undefined)) {
    fail('--combine product has no weights', 'leave out the weights, or take --combine average');
  }
  if (!members || !weights) return;
  if (weights.length !== members.length) {
    const [has, needs] = [weights.length, members.length];
    fail(
      `--weights has ${has} numbers for ${needs} members`,
      'give one weight per member, in their order',
    );
  }
  if (weights.every((weight) => weight === 0)) {
    fail('--weights are all zero', 'give at least one member a weight');
  }
}
