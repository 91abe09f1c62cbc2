import { messageType } from '../protos.js';
import { version } from '../version.js';
import { type ExportModel, exportMetadata } from './exported-model.js';
import { signature, tensorFlowGraph } from './tensorflow.js';
import type { TensorFlowConstant } from './tensorflow-graph.js';
import type { Piece } from './wire.js';

/** Browsers keep files of this size in their caches; the usual size of TensorFlow.js's converter. */
const SHARD_BYTES = 4 * 1024 * 1024;
const GRAPH_PRODUCER = 440;

/**
 * The files of a TensorFlow.js graph model by name: `model.json` and shards of weights. The metadata is
 * `userDefinedMetadata.relaybp` in `model.json`.
 */
export function tfjsFiles(model: ExportModel): Map<string, Piece[]> {
  const graph = tensorFlowGraph(model, { fused: true });
  const weights = graph.constants;
  const bytes = weights.reduce((sum, weight) => sum + byteLength(weight), 0);
  const count = Math.max(1, Math.ceil(bytes / SHARD_BYTES));
  const paths = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
  const topology = {
    node: [...weights.map(placeholderOf), ...graph.nodes.map(jsonNode)],
    versions: { producer: GRAPH_PRODUCER },
  };
  const json = {
    format: 'graph-model',
    generatedBy: `relaybp ${version}`,
    convertedBy: `relaybp ${version}`,
    signature: toJson('SignatureDef', signature(model)),
    userDefinedMetadata: { relaybp: exportMetadata(model, 'tfjs') },
    modelTopology: topology,
    weightsManifest: [
      {
        paths,
        weights: weights.map(manifestEntry),
      },
    ],
  };
  const text = Buffer.from(JSON.stringify(json));
  const shards = new Shards(weights);
  return new Map([
    ['model.json', [{ byteLength: text.byteLength, read: () => text }]],
    ...paths.map((path, i): [string, Piece[]] => {
      const length = Math.min(SHARD_BYTES, bytes - i * SHARD_BYTES);
      return [path, [{ byteLength: length, read: () => shards.next(length) }]];
    }),
  ]);
}

/** Cuts the weights, one after another, into shards; they must be asked for in order. */
class Shards {
  private readonly bytes: Iterator<Uint8Array>;
  private rest = new Uint8Array(0);

  constructor(weights: readonly TensorFlowConstant[]) {
    this.bytes = (function* () {
      for (const { read } of weights) {
        const { buffer, byteOffset, byteLength } = read();
        yield new Uint8Array(buffer, byteOffset, byteLength);
      }
    })();
  }

  next(length: number): Uint8Array {
    const shard = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      if (this.rest.byteLength === 0) {
        this.rest = this.bytes.next().value as Uint8Array<ArrayBuffer>;
      }
      const part = this.rest.subarray(0, length - at);
      shard.set(part, at);
      at += part.byteLength;
      this.rest = this.rest.subarray(part.byteLength);
    }
    return shard;
  }
}

/** TensorFlow.js widens float16 while it loads. */
function manifestEntry({ name, shape, dtype }: TensorFlowConstant): object {
  if (dtype !== 'float16') return { name, shape, dtype };
  return { name, shape, dtype: 'float32', quantization: { dtype: 'float16' } };
}

function byteLength({ shape, dtype }: TensorFlowConstant): number {
  return (dtype === 'float16' ? 2 : 4) * shape.reduce((product, size) => product * size, 1);
}

/** In a graph model's topology a constant has no values: they are in the shards. */
function placeholderOf({ name, shape, dtype }: TensorFlowConstant): object {
  const type = dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT';
  const tensorShape = { dim: shape.map((size) => ({ size })) };
  return jsonNode({
    name,
    op: 'Const',
    input: [],
    attr: { dtype: { type }, value: { tensor: { dtype: type, tensorShape } } },
  });
}

const jsonNode = (node: object): object => toJson('NodeDef', node);

/** Protocol buffers' JSON: enumerations by name, 64-bit numbers as text, bytes in base64. */
function toJson(type: string, message: object): object {
  const schema = messageType('tensorflow', type);
  const options = { enums: String, longs: String, bytes: String };
  return schema.toObject(schema.fromObject(message), options);
}
