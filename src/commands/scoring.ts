import { statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import type { LabelMeaning } from '../config/label-meaning.js';
import { changedNotice } from '../data/index/file-changes.js';
import { type ImageIndex, imagePath, relativePath } from '../data/index/image-index.js';
import type { IndexCache } from '../data/index/index-cache.js';
import { listBase } from '../data/index/list-base.js';
import { parseList } from '../data/index/list-index.js';
import { isShards } from '../data/index/shard-files.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import type { Engine } from '../engine/engine.js';
import { openEngine } from '../engine/select.js';
import { ConfigError } from '../errors.js';
import { type Candidate, candidateOf, checkAlike } from '../eval/alike.js';
import { scoreImages } from '../eval/score.js';
import { isScoreFile, readScoreFile } from '../eval/score-file.js';
import type { ImageList, ScoreSet } from '../eval/score-set.js';
import { describeProtocol, type ProtocolOptions, protocolOf } from '../eval/test-protocol.js';
import { indexCache } from '../experiment/data-cache.js';
import { openImages, type Reading, readingOf } from '../experiment/images.js';
import { checkRunData } from '../experiment/run-data.js';
import type { Checkpoint } from '../run/checkpoint.js';
import { MODEL_DEFAULTS } from './defaults.js';
import { type Hooks, indexingTo, listening } from './hooks.js';
import { checkpointOf, type Model, type ModelOptions, openModel } from './model.js';
import { withDefaults } from './options.js';

/** Options of the commands that score a labelled test set. */
export interface ScoringOptions extends ModelOptions, ProtocolOptions {
  /** A folder of class folders or a list file; without it the validation data of the config. Paths of a list: `listBase`. */
  data?: string;
  /** What the labels of a list are; without it as the config says. */
  labels?: LabelMeaning;
  /** Where the data of the runs are now, in place of their config's `data.root`. */
  dataRoot?: string;
  /** Make the index of the images anew, whatever is kept. */
  rebuildIndex?: boolean;
}

/**
 * Options that say how networks are run mean nothing where only score files are read.
 *
 * @throws ConfigError naming the option
 */
export function checkScoreFiles(
  targets: readonly (string | undefined)[],
  options: ScoringOptions,
): void {
  if (!targets.every((target) => target !== undefined && isScoreFile(target))) return;
  const { data, dataRoot, labels, ema, flip, multiscale, tenCrop } = options;
  const given = Object.entries({
    '--data': data,
    '--data-root': dataRoot,
    '--labels': labels,
    '--ema': ema,
    '--flip': flip,
    '--multiscale': multiscale,
    '--ten-crop': tenCrop,
  }).find(([, value]) => value !== undefined && value !== false);
  if (!given) return;
  throw new ConfigError(
    `${given[0]}: a score file holds scores that were computed before, with the images and the test protocol of that evaluation`,
    'name the runs instead of their score files',
  );
}

/** A test set without what is said about it. */
export type TestSet = ImageList & Pick<ScoreSet, 'root'>;

/** One image of a test set. */
export interface ScoredRow {
  /** Of the test set. */
  root: string;
  classes: readonly string[];
  /** Relative to `root`. */
  path: string;
  /** Position in `classes`. */
  label: number;
  /** Log-probabilities `[classes]`. */
  row: Float32Array;
}

/** The scores of one run, or out of a score file. */
export interface Scored<Set extends TestSet = ScoreSet> {
  set: Set;
  /** As the user would name the test set. */
  data: string;
  /** Of a run: the step of its checkpoint, the protocol, and files that could not be decoded. */
  step: number | null;
  protocol: ReturnType<typeof describeProtocol> | null;
  skipped: number;
  /** Spent on decoding and scoring. */
  seconds: number;
}

/** Scores runs and reads score files; the engine is opened for the first run. */
export class Scorer {
  private opened: Promise<Engine> | null = null;
  private readonly cache: IndexCache;

  private readonly notice: (line: string) => void;

  constructor(
    private readonly options: ScoringOptions,
    hooks: Hooks = {},
  ) {
    const { notice, progress } = listening(hooks);
    this.notice = notice;
    const { rebuildIndex: rebuild } = options;
    this.cache = indexCache({ rebuild, onNotice: notice, onProgress: indexingTo(progress) });
  }

  /** The engine's name; null if only score files were read. */
  async engineName(): Promise<string | null> {
    return (await this.opened)?.info.name ?? null;
  }

  /**
   * Scores several, one after another. That they have the same classes and images is checked before the first.
   *
   * @param targets run folders, checkpoints and score files; undefined stands for the newest run
   */
  async scoreAll(targets: readonly (string | undefined)[]): Promise<Scored[]> {
    const sources: Source[] = [];
    for (const target of targets) sources.push(await this.open(target));
    const [first, ...others] = sources as [Source, ...Source[]];
    if (others.length > 0) {
      const candidate = candidateFrom(first);
      for (const other of others) await checkAlike(candidate, candidateFrom(other));
    }
    const scored: Scored[] = [];
    for (const source of sources) {
      const rows: Float32Array[] = [];
      const { set, ...about } = await this.scored(source, ({ row }) => rows.push(row));
      scored.push({ set: { ...set, rows }, ...about });
    }
    return scored;
  }

  /**
   * Scores one, and keeps none of its scores: of many images and classes these are more than all else.
   *
   * @param target a run folder, a checkpoint or a score file; undefined stands for the newest run
   * @param onRow told of each image, in their order
   */
  async scoreEach(
    target: string | undefined,
    onRow: (image: ScoredRow) => void,
  ): Promise<Scored<TestSet>> {
    return this.scored(await this.open(target), onRow);
  }

  private async open(target: string | undefined): Promise<Source> {
    if (target !== undefined && isScoreFile(target)) return { set: readScoreFile(target) };
    const { options, notice } = this;
    const checkpoint = checkpointOf(target, options, notice);
    const { config, classes } = checkpoint.state;
    const from = options.dataRoot ?? config.data.root;
    const own = readingOf(config.data, options.data ? null : 'val', from);
    const reading = options.labels ? { ...own, labels: options.labels } : own;
    const [root, part] =
      options.data === undefined
        ? runTestSet(config, checkpoint.path, options)
        : this.placeOf(options.data, config.data.root, reading);
    const dataset = await openImages(root, part, classes, notice, this.cache, reading);
    return { checkpoint, dataset };
  }

  /** Where the images of `--data` are: shards, a list, or a folder of class folders. @param root the run's data root */
  private placeOf(
    given: string,
    root: string,
    { columns }: Reading,
  ): readonly [root: string, part: string] {
    const data = pathAsThere(given);
    const [folder, name] = [dirname(data), basename(data)];
    const isFolder = statSync(data, { throwIfNoEntry: false })?.isDirectory();
    if (!isFolder && isShards(folder, name)) return [folder, name];
    if (!isFile(data)) return [data, '.'];
    const part = resolve(data);
    const { dataRoot } = this.options;
    if (dataRoot !== undefined) return [dataRoot, part];
    const list = parseList(data, { root, labels: 'names', columns });
    const base = listBase(data, list.index, root);
    if (base !== resolve(root)) {
      this.notice(`${data}: its images are found beside it, not below the data root ${root}`);
    }
    return [base, part];
  }

  private async scored(
    source: Source,
    onRow: (image: ScoredRow) => void,
  ): Promise<Scored<TestSet>> {
    if ('set' in source) {
      const { rows, ...set } = source.set;
      const { root, classes, paths, labels } = set;
      for (const [i, row] of rows.entries()) {
        onRow({ root, classes, path: paths[i]!, label: labels[i]!, row });
      }
      return { set, data: set.root, step: null, protocol: null, skipped: 0, seconds: 0 };
    }
    const { options, notice } = this;
    const { engine, precision } = withDefaults(options, MODEL_DEFAULTS);
    this.opened ??= openEngine(engine, { precision, onNotice: notice });
    const model = openModel(source.checkpoint, await this.opened, options);
    try {
      return await this.scoreTestSet(model, source.dataset, onRow);
    } finally {
      model.close();
    }
  }

  private async scoreTestSet(
    model: Model,
    dataset: ImageIndex,
    onRow: (image: ScoredRow) => void,
  ): Promise<Scored<TestSet>> {
    const { options, notice } = this;
    const { checkpoint, preprocessing, network, batchSize } = model;
    const { state } = checkpoint;
    const { data } = state.config;
    const protocol = protocolOf(options, preprocessing);
    const paths: string[] = [];
    const labels: number[] = [];
    const { root } = dataset;
    const { classes } = state;
    const start = performance.now();
    const request = { dataset, protocol, batchSize, onError: data.onError };
    const changed: { count: number; first: string } = { count: 0, first: '' };
    for await (const { index, row, reason, changed: other } of scoreImages(network, request)) {
      const path = relativePath(dataset, index);
      if (other && changed.count++ === 0) changed.first = imagePath(dataset, index);
      if (row) {
        const label = dataset.labels[index]!;
        paths.push(path);
        labels.push(label);
        onRow({ root, classes, path, label, row });
      } else notice(`skipped: ${imagePath(dataset, index)}: ${reason}`);
    }
    if (changed.count > 0) notice(changedNotice(changed.count, changed.first));
    return {
      set: {
        source: checkpoint.path,
        root,
        classes,
        paths,
        labels: Int32Array.from(labels),
      },
      data: options.data ?? join(options.dataRoot ?? data.root, data.val),
      step: state.step,
      protocol: describeProtocol(protocol),
      skipped: dataset.count - paths.length,
      seconds: (performance.now() - start) / 1000,
    };
  }
}

/** What is to be scored: a score file, or a network on a test set. */
type Source = { set: ScoreSet } | { checkpoint: Checkpoint; dataset: ImageIndex };

const candidateFrom = (source: Source): Candidate =>
  'set' in source
    ? { ...source.set, index: null }
    : candidateOf(source.checkpoint.path, source.dataset);

/** The validation images that the run was trained with. @throws DataError if they are not where they were */
function runTestSet(
  config: ExperimentConfig,
  run: string,
  { dataRoot }: ScoringOptions,
): [root: string, part: string] {
  const { root, val } = config.data;
  const fix =
    'name the folder that the data are in now: --data-root FOLDER; or other test images: --data';
  checkRunData(config, 'val', { root: dataRoot ?? root, run, fix });
  return [dataRoot ?? root, val];
}

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true;
