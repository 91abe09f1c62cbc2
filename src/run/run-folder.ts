import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { csvLine } from '../csv.js';
import { CheckpointError } from '../errors.js';
import { appendWhole, replaceFile } from '../files.js';
import { changing } from './changing.js';
import type { GradientRow } from './gradient-row.js';
import {
  GRADIENTS,
  METRICS,
  type MetricsRow,
  readGradients,
  readMetrics,
  readSignals,
  SIGNALS,
} from './rows.js';
import { listCheckpoints } from './run-checkpoints.js';
import { CONFIG, keepConfig } from './run-configs.js';
import { lockRun, type RunLock } from './run-lock.js';
import type { SignalRow } from './signal-row.js';
import { removeStaleFiles } from './tidy.js';

/** Names of a network's losses, and of those among them whose weight changes over the training. */
export interface LossNames {
  readonly all: readonly string[];
  readonly changing: readonly string[];
}

/**
 * The files of a run besides its checkpoints: config.yaml, metrics.jsonl, metrics.csv, gradients.jsonl, signals.jsonl, log.jsonl.
 * Rows are written line by line; after a resume rows past the checkpoint are taken out again. A change that the
 * system refuses (disk full, no permission, folder removed) is a CheckpointError.
 */
export class RunFolder {
  /** The step of the last row of signals.jsonl. */
  private signalsAt: number | null = null;

  private constructor(
    readonly path: string,
    private readonly columns: readonly string[],
    /**
     * Lets `config.yaml` say what the weights are trained with: called before `last` names a checkpoint. Until then it
     * is the config of those that are there.
     */
    readonly keepConfig: () => void,
  ) {}

  /** A new run in a folder that `newRun` has given. */
  static create(path: string, config: string, losses: LossNames): RunFolder {
    const rows = { metrics: [], gradients: [], signals: [] };
    const run = RunFolder.begin(path, losses, rows, () => {});
    changing(`${path}: the run folder cannot be written`, () =>
      replaceFile(join(path, CONFIG), config),
    );
    return run;
  }

  /**
   * A run to go on with: drops rows past its checkpoint, and whatever a crash left half-written.
   *
   * @param configs the checkpoint's, and the one to go on with
   */
  static resume(
    path: string,
    configs: { before: string; now: string },
    losses: LossNames,
    at: { step: number; evaluated: number },
  ): RunFolder {
    const until = (row: MetricsRow): number => (row.kind === 'val' ? at.evaluated : at.step);
    const rows = {
      metrics: readMetrics(path).filter((row) => row.step <= until(row)),
      gradients: readGradients(path).filter((row) => row.step <= at.step),
      signals: readSignals(path).filter((row) => row.step <= at.step),
    };
    return RunFolder.begin(path, losses, rows, () =>
      keepConfig(path, at.step, configs.before, configs.now),
    );
  }

  private static begin(path: string, losses: LossNames, rows: Rows, keep: () => void): RunFolder {
    const run = new RunFolder(path, csvColumns(losses, rows.metrics), keep);
    changing(`${path}: the run folder cannot be written`, () => {
      run.rewrite(rows.metrics);
      for (const [file, own] of [
        [GRADIENTS, rows.gradients],
        [SIGNALS, rows.signals],
      ] as const) {
        if (existsSync(join(path, file))) replaceFile(join(path, file), jsonLines(own));
      }
    });
    run.signalsAt = rows.signals.at(-1)?.step ?? null;
    return run;
  }

  append(row: MetricsRow): void {
    this.appendLines(METRICS, jsonLines([row]));
    this.appendLines('metrics.csv', this.csvLine(row));
  }

  appendGradients(row: GradientRow): void {
    this.appendLines(GRADIENTS, jsonLines([row]));
  }

  appendSignals(row: SignalRow): void {
    saveSignals(this.path, row);
    this.signalsAt = row.step;
  }

  /** Whether signals.jsonl has a row of a step, or a later one: of a training that goes on it may. */
  hasSignals(step: number): boolean {
    return this.signalsAt !== null && this.signalsAt >= step;
  }

  private appendLines(file: string, lines: string): void {
    appendTo(join(this.path, file), lines);
  }

  private rewrite(rows: readonly MetricsRow[]): void {
    replaceFile(join(this.path, METRICS), jsonLines(rows));
    const lines = [csvLine(this.columns, 'raw'), ...rows.map((row) => this.csvLine(row))];
    replaceFile(join(this.path, 'metrics.csv'), lines.join(''));
  }

  private csvLine(row: MetricsRow): string {
    return csvLine(
      this.columns.map((column) => row[column] ?? ''),
      'raw',
    );
  }
}

/** Adds a row to the run's signals.jsonl, the training's own or a probe's. */
export const saveSignals = (run: string, row: SignalRow): void =>
  appendTo(join(run, SIGNALS), jsonLines([row]));

const appendTo = (path: string, lines: string): void =>
  changing(`${path}: cannot be written`, () => appendWhole(path, Buffer.from(lines)));

interface Rows {
  readonly metrics: readonly MetricsRow[];
  readonly gradients: readonly GradientRow[];
  readonly signals: readonly SignalRow[];
}

const jsonLines = (rows: readonly object[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** `validation.csv` beside the weights that gave it: the images of the best evaluation. */
export function writeResults(checkpoint: string, results: string): void {
  const path = join(checkpoint, RESULTS);
  changing(`${path}: cannot be written`, () => replaceFile(path, results));
}

export const RESULTS = 'validation.csv';

/** @param rows that are there already: earlier losses may have had other names */
const csvColumns = (losses: LossNames, rows: readonly MetricsRow[]): string[] => [
  ...GENERAL,
  ...new Set([
    ...lossColumnNames(losses),
    ...rows.flatMap((row) => Object.keys(row).filter((column) => /^(loss|weight)\./.test(column))),
  ]),
  ...MEASURED,
];

/** Columns of metrics.jsonl that the losses have. */
export const lossColumnNames = ({ all, changing: some }: LossNames): string[] => [
  ...some.map((loss) => `weight.${loss}`),
  ...all.map((loss) => `loss.${loss}`),
];

const GENERAL = ['kind', 'step', 'epoch', 'lr'];
const MEASURED = [
  'images',
  'top1',
  'top5',
  'top1_err',
  'top5_err',
  'top1_ema',
  'top5_ema',
  'imagesPerSecond',
  'dataWait',
  'rankWait',
];

/** The columns of metrics.jsonl besides `loss.<name>` and `weight.<name>`. */
export const METRICS_COLUMNS: readonly string[] = [...GENERAL, ...MEASURED];

export const RUNS = 'runs';

/** What to do where a run cannot even begin. */
const ELSEWHERE = 'another folder is given by --out';

/**
 * The folder of a new run, made if need be, and locked.
 *
 * @param given the user's choice; without it `runs/<name>-2026-01-31T12-00-00`, with a number if that is taken
 * @throws CheckpointError if it holds a run already, a training is at work in it, or it cannot be written
 */
export function newRun(
  given: string | undefined,
  name: string,
  now: Date,
): { path: string; lock: RunLock } {
  const path = given ?? freePath(name, now);
  const make = (): unknown => mkdirSync(path, { recursive: true });
  changing(`${path}: the run folder cannot be made`, make, ELSEWHERE);
  const lock = lockRun(path);
  try {
    removeStaleFiles(path);
    if (existsSync(join(path, 'last')) || listCheckpoints(path).length > 0) {
      throw new CheckpointError(
        `${path}: holds a run already`,
        'give --resume to go on with it, or another --out folder',
      );
    }
    const within = (): unknown => mkdirSync(join(path, 'checkpoints'), { recursive: true });
    changing(`${path}: the run folder cannot be written`, within, ELSEWHERE);
    return { path, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Made here: of two trainings that begin in the same second, each gets its own. */
function freePath(name: string, now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(':', '-');
  const path = join(RUNS, `${name}-${stamp}`);
  changing(`${RUNS}: cannot be made`, () => mkdirSync(RUNS, { recursive: true }), ELSEWHERE);
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? path : `${path}-${n}`;
    const what = `${candidate}: the run folder cannot be made`;
    if (changing(what, () => madeAnew(candidate), ELSEWHERE)) return candidate;
  }
}

function madeAnew(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * The run under `runs/` whose checkpoint is the newest; only runs called `name` if one is given.
 *
 * @param begun also runs that have no checkpoint yet
 */
export function newestRun(name?: string, { begun = false } = {}): string | undefined {
  if (!existsSync(RUNS)) return undefined;
  const runs = readdirSync(RUNS)
    .filter((entry) => name === undefined || isRunOf(entry, name))
    .map((entry) => join(RUNS, entry))
    .flatMap((path) => {
      const signs = begun ? ['last', 'config.yaml'] : ['last'];
      const sign = signs.find((file) => existsSync(join(path, file)));
      return sign ? [{ path, time: statSync(join(path, sign)).mtimeMs }] : [];
    });
  return runs.sort((a, b) => b.time - a.time)[0]?.path;
}

const isRunOf = (entry: string, name: string): boolean =>
  entry.startsWith(`${name}-`) && /^\d{4}-\d\d-\d\dT[\d-]+$/.test(entry.slice(name.length + 1));

/** `summary.json`: how the training ended, for scripts. */
export function writeSummary(run: string, summary: object): void {
  const path = join(run, 'summary.json');
  const text = `${JSON.stringify(summary, null, 1)}\n`;
  changing(`${path}: cannot be written`, () => replaceFile(path, text));
}
