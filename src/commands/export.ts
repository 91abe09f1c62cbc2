import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { collectGarbage } from '../collect-garbage.js';
import { indexPaths } from '../data/index/path-index.js';
import { openEngine } from '../engine/select.js';
import { ConfigError, DataError } from '../errors.js';
import { openValidationImages } from '../experiment/images.js';
import { drawnPixels, imagePixels } from '../export/example-images.js';
import type { ExportFormat, ExportModel } from '../export/exported-model.js';
import { type PixelBatch, runtimeOf } from '../export/runtimes.js';
import { networkScores, type ScoreDifference, verify } from '../export/verify.js';
import { checkWeights, writeExport } from '../export/write.js';
import { chainOf } from '../model/dense-form.js';
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
}

export interface ExportResult {
  path: string;
  format: ExportFormat;
  checkpoint: string;
  step: number;
  bytes: number;
  /** Null if the runtime is not installed, and for safetensors, which is read again and compared bit by bit. */
  verified: ({ runtime: string; images: number; drawn: boolean } & ScoreDifference) | null;
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
    const exported = exportModel(model, options.ema ?? false);
    const out = options.out ?? exported.name + SUFFIX[format];
    checkPlace(out, options.force ?? false);
    const { batch, drawn } = await comparedImages(model, options.images, notice);
    const expected = runtime ? networkScores(model.network, exported.preprocessing, batch) : null;
    if (runtime && 'missing' in runtime) notice(`not tested: ${runtime.missing}`);
    let verified: ExportResult['verified'] = null;
    const bytes = await writeExport(exported, format, out, async (path) => {
      if (format === 'safetensors') checkWeights(exported, path);
      model.close();
      collectGarbage();
      if (!runtime || !expected || 'missing' in runtime) return;
      const difference = await verify(runtime, path, batch, expected);
      verified = { runtime: runtime.name, images: batch.count, drawn, ...difference };
    });
    return { path: out, format, checkpoint: checkpoint.path, step: exported.step, bytes, verified };
  } finally {
    model.close();
  }
}

function exportModel(model: Model, ema: boolean): ExportModel {
  const { path, state } = model.checkpoint;
  const { config, classes, step } = state;
  return {
    name: config.name,
    chain: chainOf(model.network.plan, model.loss),
    weights: model.network.parameters.snapshot(),
    preprocessing: model.preprocessing,
    classes,
    checkpoint: path,
    step,
    ema,
  };
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
  { checkpoint: { state }, preprocessing }: Model,
  images: string | undefined,
  notice: (line: string) => void,
): Promise<{ batch: PixelBatch; drawn: boolean }> {
  const { data } = state.config;
  const index = images === undefined ? await validationImages() : indexPaths([images]).index;
  const batch = index && (await imagePixels(index, preprocessing, COMPARED, notice));
  if (batch && batch.count > 0) return { batch, drawn: false };
  if (images !== undefined) {
    throw new DataError(`--images ${images}: none of these images can be decoded`, 'name others');
  }
  notice(
    `no images in ${join(data.root, data.val)} to compare with: drawn patterns take their place; --images names real ones`,
  );
  return { batch: drawnPixels(preprocessing.crop, COMPARED), drawn: true };

  async function validationImages() {
    try {
      return await openValidationImages(data, state.classes, () => {});
    } catch (error) {
      if (error instanceof DataError) return null;
      throw error;
    }
  }
}
