import { join } from 'node:path';
import type { DataConfig, ExperimentConfig } from '../config/experiment-schema.js';
import { type WrittenPaths, withAbsolutePaths, writtenPaths } from '../config/file-paths.js';
import { loadConfig } from '../config/load.js';
import { printConfig } from '../config/print.js';
import type { Preprocessing } from '../data/images/preprocessing.js';
import { inLabelOrder, isInteger } from '../data/index/name-order.js';
import { sameOrder } from '../data/index/relabel.js';
import { ConfigError, DataError } from '../errors.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { openByOwnClasses } from '../experiment/images.js';
import { normalizationTensors } from '../experiment/input-normalization.js';
import { expectFinite } from '../finite.js';
import type { ChannelOrder } from '../import/channel-order.js';
import { type Conversion, convert } from '../import/convert.js';
import { AUTO, findPreprocessing } from '../import/find-preprocessing.js';
import { asOverrides, type PublishedPreprocessing } from '../import/published-preprocessing.js';
import { readWeightFile } from '../import/weight-file.js';
import { chainOf } from '../model/dense-form.js';
import type { LayerPlan } from '../model/layers/table.js';
import { flatten } from '../model/network-plan.js';
import { MOST, readNamed } from '../regular-file.js';
import { writeCheckpoint } from '../run/checkpoint.js';
import type { CheckpointState } from '../run/checkpoint-state.js';
import { pointTo } from '../run/run-checkpoints.js';
import { newRun, RunFolder } from '../run/run-folder.js';
import { messageOf, systemFix } from '../system-error.js';
import { notUtf8, SAVE_AS_UTF8 } from '../text-encoding.js';
import { beginning } from '../train/standing.js';
import { version } from '../version.js';
import { type Hooks, listening } from './hooks.js';
import type { ConfigOptions } from './options.js';

export interface ImportCommandOptions extends ConfigOptions {
  config: string;
  out?: string;
  /** A file with a class name on each line; default: the classes of the config's validation data. */
  classes?: string;
  /** Default: bgr of a .caffemodel, else rgb. */
  channelOrder?: ChannelOrder;
  /** Whose evaluation preprocessing: `auto` (the default), `config`, the name of torchvision's weights, or timm's config.json. */
  preprocessing?: string;
}

export interface ImportResult extends Omit<Conversion, 'weights'> {
  run: string;
  tensors: number;
  /** What was published with the weights; null: the config's own was taken. */
  preprocessing: PublishedPreprocessing | null;
}

/**
 * `relaybp import`: weights that another program saved, as a run folder with one checkpoint, step 0. Of the config's
 * losses only the primary one is kept, over the whole network: such files have no auxiliary heads.
 */
export async function importCommand(
  file: string,
  options: ImportCommandOptions,
  hooks: Hooks = {},
): Promise<ImportResult> {
  const { notice } = listening(hooks);
  const published = findPreprocessing(file, options.preprocessing ?? AUTO);
  const taken = published ? asOverrides(published) : [];
  const loaded = loadConfig(options.config, [...taken, ...(options.set ?? [])]);
  const full = planExperiment(loaded);
  const config = withAbsolutePaths(alone(full));
  const written = writtenPaths(config, (path) => loaded.written(path));
  const preprocessing = preprocessingOf(config.data, options.config);
  if (published) sayPublished(published, options.set ?? [], notice);
  const classes = await classesOf(config.data, options.classes, notice);
  const source = readWeightFile(file);
  const order = options.channelOrder ?? (source.format === 'caffemodel' ? 'bgr' : 'rgb');
  const chain = chainOf(full.network, full.primary.name);
  const { weights, ...conversion } = convert(source, file, chain, order);
  const unused = new Set(conversion.unused);
  expectFinite(new Map([...source.tensors].filter(([name]) => !unused.has(name))), file);
  if (conversion.naming.startsWith('ResNet')) warnOfStride(chain, notice);

  const { path, lock } = newRun(options.out, config.name, new Date());
  try {
    RunFolder.create(path, printConfig(config, written), {
      all: [full.primary.name],
      changing: [],
    });
    const checkpoint = writeCheckpoint(path, beginningState(config, written, classes), {
      weights,
      optimizer: new Map(),
      normalization: normalizationTensors({ preprocessing, color: null }),
    });
    pointTo(path, 'last', checkpoint);
  } finally {
    lock.release();
  }
  return { run: path, tensors: weights.size, preprocessing: published, ...conversion };
}

/** Whose preprocessing the run has, what it is, and what of it `--set` overrides. */
function sayPublished(
  published: PublishedPreprocessing,
  set: readonly string[],
  notice: (line: string) => void,
): void {
  const keyOf = (override: string): string => override.split('=')[0]!;
  const own = set.map(keyOf);
  const settings = asOverrides(published);
  notice(`evaluation preprocessing: ${published.source}: ${settings.join(' ')}`);
  const overridden = settings.map(keyOf).filter((key) => own.includes(key));
  if (overridden.length > 0) notice(`--set has instead: ${overridden.join(', ')}`);
  for (const note of published.notes) notice(note);
}

/** The config with its primary loss alone, and without a colour shift, whose statistics no such file has. */
function alone({ config, primary }: ExperimentPlan): ExperimentConfig {
  const losses = config.losses
    .filter(({ name }) => name === primary.name)
    .map(({ range: _, ...loss }) => ({ ...loss, enabled: true }));
  const augment = { ...config.data.augment, color: 'none' as const };
  return { ...config, data: { ...config.data, augment }, losses };
}

/** @throws ConfigError unless the config gives the numbers that the file's network was trained with */
function preprocessingOf(data: DataConfig, file: string): Preprocessing {
  const { mean, std, resize, interpolation, protocol, crop } = data;
  if (typeof mean === 'string' || typeof std === 'string') {
    const [key, value] = typeof mean === 'string' ? ['mean', mean] : ['std', std];
    throw new ConfigError(
      `${file}: data.${key} is "${value}", to be measured on training data; weights from elsewhere go with the numbers that they were trained with`,
      "give them on the 0-255 scale: torchvision and timm mostly --set data.mean=[123.675,116.28,103.53] --set data.std=[58.395,57.12,57.375] (their Inception-v3 127.5 throughout); the authors' model B --set data.mean=[116.052,113.768,105.448] --set data.std=1",
    );
  }
  const resizing = { interpolation, protocol };
  return { resize, resizing, crop, mean: { kind: 'channel', values: mean }, std };
}

async function classesOf(
  data: DataConfig,
  file: string | undefined,
  notice: (line: string) => void,
): Promise<string[]> {
  const classes = file === undefined ? await ofData(data) : linesOf(file);
  const from = file ?? join(data.root, data.val);
  if (classes.length !== data.classes) {
    throw new DataError(
      `${from}: ${classes.length} classes, but data.classes is ${data.classes}`,
      'set data.classes, or give the names of all outputs in their order with --classes',
    );
  }
  if (new Set(classes).size < classes.length) {
    const double = classes.find((name, i) => classes.indexOf(name) < i);
    throw new DataError(
      `${from}: the class "${double}" is named twice`,
      'give each output its own name',
    );
  }
  if (file === undefined) notice(describeOrder(from, classes));
  return classes;
}

function linesOf(file: string): string[] {
  let bytes: Buffer;
  try {
    bytes = readNamed(file, MOST);
  } catch (error) {
    throw new DataError(`--classes ${file}: cannot be read: ${messageOf(error)}`, systemFix(error));
  }
  const problem = notUtf8(bytes);
  if (problem !== null) throw new DataError(`--classes ${file}: ${problem}`, SAVE_AS_UTF8);
  const lines = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

/** Which order the outputs are taken to have; a wrong one is not seen in anything but the errors of `relaybp eval`. */
function describeOrder(from: string, classes: readonly string[]): string {
  const shown = classes.length <= 6 ? classes : [...classes.slice(0, 5), '…'];
  const counted = inLabelOrder(classes);
  const numbers = classes.every(isInteger)
    ? sameOrder(counted, classes)
      ? ', by number'
      : ", sorted as text, as torchvision's ImageFolder has them, not by number"
    : '';
  return `the outputs are taken to be the classes of ${from}${numbers}: ${shown.join(', ')}; where they have another order, give it with --classes`;
}

async function ofData(data: DataConfig): Promise<string[]> {
  try {
    return [...(await openByOwnClasses(data, 'val', () => {})).classes];
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(
      `the names of the classes are not known: ${error.message}`,
      'give --classes FILE, one name a line in the order of the outputs, or point data.root to the data',
    );
  }
}

/** Both kinds of ResNet-50 have the same weights, and other results. */
function warnOfStride(chain: readonly LayerPlan[], notice: (line: string) => void): void {
  const first = chain.flatMap(flatten).find((layer) => {
    return (
      layer.type === 'conv' &&
      layer.name.endsWith('.body.conv1') &&
      Math.max(...layer.window.stride) > 1
    );
  });
  if (!first) return;
  notice(
    `${first.name} has the stride, as in ResNet's paper; in torchvision's and most of timm's ResNet-50 the 3x3 convolution has it. The weights fit either, the results do not: see configs/base/resnet50-stride-in-3x3.yaml`,
  );
}

function beginningState(
  config: ExperimentConfig,
  written: WrittenPaths,
  classes: string[],
): CheckpointState {
  return {
    formatVersion: 1,
    relaybp: version,
    ...beginning(),
    epoch: 0,
    seed: config.seed,
    classes,
    engine: { name: 'import', library: 'none', device: 'none', precision: 'float32' },
    config,
    paces: [],
    rested: {},
    written,
  };
}
