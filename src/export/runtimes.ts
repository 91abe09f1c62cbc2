import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { locateNative } from '../engine/locate.js';
import { toAdd } from '../installation.js';
import type { ExportFormat } from './exported-model.js';
import { INPUT, LOGITS, PROBABILITIES } from './exported-model.js';

/** Images as they are cut out: `[count, height, width, 3]`, RGB, 0–255. */
export interface PixelBatch {
  readonly count: number;
  readonly size: readonly [height: number, width: number];
  readonly values: Float32Array;
}

/** Each `[count, classes]`. */
export interface Scores {
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
}

/** A program that others use to run exported networks. */
export interface ExportRuntime {
  /** With its version. */
  readonly name: string;
  run(path: string, batch: PixelBatch): Promise<Scores>;
}

/** What an export would be tested with is not here. */
export interface MissingRuntime {
  readonly missing: string;
}

/** The runtime of a graph format, as far as it is installed here. */
export async function runtimeOf(
  format: Exclude<ExportFormat, 'safetensors'>,
): Promise<ExportRuntime | MissingRuntime> {
  switch (format) {
    case 'onnx':
      return onnxRuntime();
    case 'tfjs':
      return tfjsRuntime();
    case 'saved-model':
      return tensorFlowRuntime();
  }
}

async function onnxRuntime(): Promise<ExportRuntime | MissingRuntime> {
  let ort: typeof import('onnxruntime-node');
  try {
    ort = await import('onnxruntime-node');
  } catch (error) {
    return { missing: whyMissing(error) };
  }
  return {
    name: `onnxruntime ${ort.env.versions.node ?? ort.env.versions.common}`,
    async run(path, batch) {
      const session = await ort.InferenceSession.create(path);
      const { count, size } = batch;
      const input = new ort.Tensor('float32', channelsFirst(batch), [count, 3, ...size]);
      try {
        const outputs = await session.run({ [INPUT]: input });
        const values = (name: string): Float32Array => outputs[name]!.data as Float32Array;
        return { logits: values(LOGITS), probabilities: values(PROBABILITIES) };
      } finally {
        await session.release();
      }
    },
  };
}

/** @param error of importing onnxruntime-node */
function whyMissing(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' && message.includes("'onnxruntime-node'")) {
    return `onnxruntime-node is not installed; to have exports tested: ${toAdd('onnxruntime-node')}`;
  }
  return `onnxruntime-node is installed, but does not load here: ${message.split('\n')[0]}`;
}

async function tfjsRuntime(): Promise<ExportRuntime> {
  const { startBackend } = await import('../engine/wasm/backend.js');
  const tf = await import('@tensorflow/tfjs-core');
  const converter = await import('@tensorflow/tfjs-converter');
  return {
    name: `TensorFlow.js ${tf.version_core} (wasm)`,
    async run(path, { count, size, values }) {
      await startBackend();
      await tf.setBackend('wasm');
      const model = await converter.loadGraphModel({ load: async () => tfjsArtifacts(path) });
      const input = tf.tensor4d(values, [count, ...size, 3]);
      const outputs = model.execute(input, [
        LOGITS,
        PROBABILITIES,
      ]) as import('@tensorflow/tfjs-core').Tensor[];
      try {
        const [logits, probabilities] = outputs.map((output) => output.dataSync() as Float32Array);
        return { logits: logits!.slice(), probabilities: probabilities!.slice() };
      } finally {
        tf.dispose([input, ...outputs]);
        model.dispose();
      }
    },
  };
}

/** A graph model from its folder, as TensorFlow.js takes it from a handler of one's own. */
function tfjsArtifacts(folder: string) {
  const json = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as {
    modelTopology: object;
    weightsManifest: { paths: string[]; weights: never[] }[];
  };
  const shards = json.weightsManifest.flatMap(({ paths }) =>
    paths.map((path) => Uint8Array.from(readFileSync(join(folder, path))).buffer),
  );
  return {
    ...json,
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
    weightData: shards,
  };
}

async function tensorFlowRuntime(): Promise<ExportRuntime | MissingRuntime> {
  const location = locateNative();
  if (!location) {
    return {
      missing:
        'the native engine, whose TensorFlow would run it, is not installed; to have exports tested: relaybp engine install',
    };
  }
  return {
    name: `TensorFlow ${location.manifest.tensorflow}`,
    async run(path, { count, size, values }) {
      const { runSavedModel } = await import('../engine/native/saved-model.js');
      const input = { name: `${INPUT}:0`, shape: [count, ...size, 3], values };
      const names = [`${LOGITS}:0`, `${PROBABILITIES}:0`];
      const [logits, probabilities] = runSavedModel(location, resolve(path), input, names);
      return { logits: logits!, probabilities: probabilities! };
    },
  };
}

/** `[count, height, width, 3]` → `[count, 3, height, width]` */
function channelsFirst({ count, size, values }: PixelBatch): Float32Array {
  const positions = size[0] * size[1];
  const result = new Float32Array(values.length);
  for (let i = 0; i < count * positions; i++) {
    const image = Math.floor(i / positions);
    const to = image * 3 * positions + (i % positions);
    for (let c = 0; c < 3; c++) result[to + c * positions] = values[3 * i + c]!;
  }
  return result;
}
