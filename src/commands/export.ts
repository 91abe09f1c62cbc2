import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { collectGarbage } from '../collect-garbage.js';
import { resizeMean } from '../data/images/preprocessing.js';
import { indexPaths } from '../data/index/path-index.js';
import { openEngine } from '../engine/select.js';
import { ConfigError, DataError } from '../errors.js';
import { openValidationImages } from '../experiment/images.js';
import { sizeFreeChain } from '../export/any-size.js';
import { drawnPixels, imagePixels, repeated } from '../export/example-images.js';
import {
  type ExportFormat,
  type ExportModel,
  type GraphForm,
  shorterSide,
} from '../export/exported-model.js';
import { type Comparison, type FormChange, formChange } from '../export/form-changes.js';
import { type PixelBatch, runtimeOf, type Scores } from '../export/runtimes.js';
import {
  differenceOf,
  doubtful,
  excessOf,
  networkScores,
  runExport,
  type ScoreDifference,
} from '../export/verify.js';
import { checkWeights, writeExport } from '../export/write.js';
import { chainOf, planDense } from '../model/dense-form.js';
import { DEFAULT_ENGINE } from './defaults.js';
import { type Hooks, listening } from './hooks.js';
import { checkpointOf, type Model, type ModelOptions, openModel } from './model.js';
import { checkParent } from './options.js';

export interface ExportCommandOptions extends Omit<ModelOptions, 'precision' | 'batchSize'> {
  format: ExportFormat;
  /** Default: the config's name in the current folder. */
  out?: string;
  /** Replace what is there. */
  force?: boolean;
  /** Images to compare with; default: some of the validation data. */
  images?: string;
  /** Images that the graph takes at once; default: any number. */
  batch?: number;
  /** `[height, width]` of the images that the graph takes, or any; default: the crop. */
  size?: readonly [number, number] | 'any';
  /** Default: folded; if true, how much that changes is measured. */
  foldBatchnorm?: boolean;
  /** Default: float32. */
  weights?: GraphForm['weights'];
  /** Keep an export though a program computes something else from it. */
  allowDifferences?: boolean;
}

export interface ExportResult {
  path: string;
  format: ExportFormat;
  checkpoint: string;
  step: number;
  bytes: number;
  /** Null if the runtime is not installed, and for safetensors, which is read again and compared bit by bit. */
  verified: ({ runtime: string; images: number; drawn: boolean } & ScoreDifference) | null;
  /** What forms of the graph that were asked for change, in the same runtime. */
  changes: FormChange[];
}

/** Images that an export is compared on. */
const COMPARED = 4;

const SUFFIX: Record<ExportFormat, string> = {
  onnx: '.onnx',
  tfjs: '-tfjs',
  'saved-model': '-saved-model',
  safetensors: '.safetensors',
};

/**
 * `relaybp export`: the trained network, without its auxiliary heads, for other programs; written, run by the
 * program it is for, and compared.
 */
export async function exportCommand(
  run: string | undefined,
  options: ExportCommandOptions,
  hooks: Hooks = {},
): Promise<ExportResult> {
  const { notice } = listening(hooks);
  const { format } = options;
  const checkpoint = checkpointOf(run, options, notice);
  const runtime = format === 'safetensors' ? null : await runtimeOf(format);
  const engine = await openEngine(options.engine ?? DEFAULT_ENGINE, { onNotice: notice });
  const model = openModel(checkpoint, engine, options);
  collectGarbage(); // the weights are in the engine now; copies of them passed through memory
  try {
    const exported = exportModel(model, options);
    const out = options.out ?? exported.name + SUFFIX[format];
    checkPlace(out, options.force ?? false);
    const { batch, drawn } = await comparedImages(model, exported, options.images, notice);
    const ownScores = (pixels: PixelBatch): Scores =>
      networkScores(model.network, exported.preprocessing, pixels);
    const expected = runtime ? ownScores(batch) : null;
    const other = runtime && exported.graph.anySize ? otherSize(exported.graph) : null;
    const otherExpected = other && ownScores(other);
    if (runtime && 'missing' in runtime) notice(`not tested: ${runtime.missing}`);
    let verified: ExportResult['verified'] = null;
    let changes: FormChange[] = [];
    const bytes = await writeExport(exported, format, out, async (path) => {
      if (format === 'safetensors') checkWeights(exported, path);
      const { foldBatchnorm, weights } = options;
      if (!foldBatchnorm && weights !== 'float16') {
        model.close(); // else its weights are written once more
        collectGarbage();
      }
      if (!runtime || !expected || 'missing' in runtime) return;
      const found = await runExport(runtime, path, batch);
      const measured = await formChanges(exported, { options, out }, { runtime, batch }, found);
      changes = measured.changes;
      const difference = differenceOf(found, expected);
      // What float16 loses is measured; but for that the graph is to say what the network says.
      const excess = excessOf(runtime, differenceOf(measured.float32, expected));
      if (excess !== null) doubtful(excess, options.allowDifferences ?? false, notice);
      if (other && otherExpected && exported.graph.weights === 'float32') {
        const atOther = differenceOf(await runExport(runtime, path, other), otherExpected);
        const otherExcess = excessOf(runtime, atOther);
        if (otherExcess !== null) {
          const where = `at ${other.size.join('x')}: ${otherExcess}`;
          doubtful(where, options.allowDifferences ?? false, notice);
        }
      }
      verified = { runtime: runtime.name, images: batch.count, drawn, ...difference };
    });
    const { step } = exported;
    return { path: out, format, checkpoint: checkpoint.path, step, bytes, verified, changes };
  } finally {
    model.close();
  }
}

/** The changes that were asked for, and what the graph says with weights of float32. */
async function formChanges(
  model: ExportModel,
  { options, out }: { options: ExportCommandOptions; out: string },
  comparison: Comparison,
  found: Scores,
): Promise<{ changes: FormChange[]; float32: Scores }> {
  const changes: FormChange[] = [];
  const target = { model, format: options.format, out };
  let float32 = found;
  if (options.foldBatchnorm) {
    const fold = { what: 'folded batch normalizations', plain: { foldBatchNorm: false } } as const;
    changes.push((await formChange(fold, target, comparison, found)).change);
  }
  if (model.graph.weights === 'float16') {
    const half = { what: 'float16 weights', plain: { weights: 'float32' } } as const;
    const { without, change } = await formChange(half, target, comparison, found);
    changes.push(change);
    float32 = without;
  }
  return { changes, float32 };
}

function exportModel(model: Model, options: ExportCommandOptions): ExportModel {
  const { path, state } = model.checkpoint;
  const { config, classes, step } = state;
  const { crop } = model.preprocessing;
  const anySize = options.size === 'any';
  const graph: GraphForm = {
    size: options.size === undefined || options.size === 'any' ? [crop, crop] : options.size,
    anySize,
    batch: options.batch ?? null,
    foldBatchNorm: options.foldBatchnorm ?? true,
    weights: options.weights ?? 'float32',
  };
  checkForm(options);
  if (anySize && model.preprocessing.mean.kind === 'pixel') {
    throw new ConfigError('--size any: a mean image has one size', 'give a size');
  }
  const trained = graph.size.every((length) => length === crop);
  const planAt = (size: GraphForm['size']) => [
    ...planDense(config, model.network.plan, model.loss, size).layers,
  ];
  const chain = anySize
    ? sizeFreeChain(planAt, graph.size)
    : trained
      ? chainOf(model.network.plan, model.loss)
      : planAt(graph.size);
  return {
    name: config.name,
    chain,
    weights: model.network.parameters.snapshot(),
    preprocessing: trained ? model.preprocessing : atSize(model.preprocessing, graph.size),
    classes,
    checkpoint: path,
    step,
    ema: options.ema ?? false,
    graph,
  };
}

/** Patterns of a size that no training had. */
function otherSize({ size, batch }: GraphForm): PixelBatch {
  return drawnPixels([size[0] + 13, size[1] + 6], batch ?? COMPARED);
}

/** A mean image is stretched, as in tests at other sizes. */
function atSize(
  preprocessing: Model['preprocessing'],
  size: GraphForm['size'],
): Model['preprocessing'] {
  const { mean, crop } = preprocessing;
  if (mean.kind === 'channel') return preprocessing;
  const values = resizeMean(mean.values, [crop, crop], size);
  return { ...preprocessing, mean: { kind: 'pixel', values } };
}

/** @throws ConfigError for the form of a graph where there is none */
function checkForm({ format, batch, size, foldBatchnorm, weights }: ExportCommandOptions): void {
  if (format !== 'safetensors') return;
  const given = Object.entries({
    '--batch': batch,
    '--size': size,
    '--fold-batchnorm': foldBatchnorm,
    '--weights': weights === 'float32' ? undefined : weights,
  }).filter(([, value]) => value !== undefined);
  if (given.length === 0) return;
  throw new ConfigError(
    `${given.map(([name]) => name).join(', ')}: safetensors holds the weights of the checkpoint alone, as they are, and no graph`,
    'leave it out, or take --format onnx, tfjs or saved-model',
  );
}

function checkPlace(out: string, force: boolean): void {
  checkParent('--out', out);
  if (!existsSync(out)) return;
  if (!force) {
    throw new ConfigError(
      `--out ${out}: is there already`,
      'give --force to replace it, or another --out',
    );
  }
  const ours =
    !statSync(out).isDirectory() ||
    ['model.json', 'saved_model.pb'].some((file) => existsSync(join(out, file)));
  if (!ours) {
    throw new ConfigError(
      `--out ${out}: is a folder that holds no export; it is not replaced`,
      'give another --out',
    );
  }
}

async function comparedImages(
  { checkpoint: { state } }: Model,
  { preprocessing, graph: { size, batch: fixed } }: ExportModel,
  images: string | undefined,
  notice: (line: string) => void,
): Promise<{ batch: PixelBatch; drawn: boolean }> {
  const { data } = state.config;
  const index = images === undefined ? await validationImages() : indexPaths([images]).index;
  const count = fixed ?? COMPARED;
  const resized = { ...preprocessing, resize: shorterSide(preprocessing, size), size };
  const batch = index && (await imagePixels(index, resized, count, notice));
  if (batch && batch.count > 0) {
    return { batch: fixed ? repeated(batch, fixed) : batch, drawn: false };
  }
  if (images !== undefined) {
    throw new DataError(`--images ${images}: none of these images can be decoded`, 'name others');
  }
  notice(
    `no images in ${join(data.root, data.val)} to compare with: drawn patterns take their place; --images names real ones`,
  );
  return { batch: drawnPixels(size, count), drawn: true };

  async function validationImages() {
    try {
      return await openValidationImages(data, state.classes, () => {});
    } catch (error) {
      if (error instanceof DataError) return null;
      throw error;
    }
  }
}
