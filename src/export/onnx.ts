import { divisors } from '../data/images/preprocessing.js';
import { messageType } from '../protos.js';
import { version } from '../version.js';
import {
  type ExportModel,
  exportMetadata,
  INPUT,
  LOGITS,
  PROBABILITIES,
} from './exported-model.js';
import { buildNetwork, inputNormalization } from './graph.js';
import { type Initializer, OnnxGraph } from './onnx-graph.js';
import { encode, field, type Piece } from './wire.js';

const IR_VERSION = 8;
const OPSET = 17;
const TYPES = { float: 1, int64: 7, float16: 10 } as const;
const BYTES = { float: 4, int64: 8, float16: 2 } as const;
/** Field numbers in `protos/onnx.proto` of what is put together from pieces. */
const FIELD = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/**
 * The network as an ONNX model: `pixels` `[batch, 3, height, width]` → `logits` and `probabilities`
 * `[batch, classes]`. Initializers have the parameters' names.
 *
 * @returns the file's pieces, whose weights are converted when they are read
 */
export function onnxFile(model: ExportModel): Piece[] {
  const { preprocessing, classes } = model;
  const { size, anySize, batch, weights } = model.graph;
  const graph = new OnnxGraph({ halfWeights: weights === 'float16', anySize });
  const normalization = inputNormalization(
    preprocessing.mean.values,
    divisors(preprocessing),
    size,
  );
  const input = graph.affine('input', INPUT, normalization, [...size, 3]);
  const logits = buildNetwork(graph, model, input);
  graph.output('Identity', LOGITS, logits);
  graph.output('Softmax', PROBABILITIES, logits);

  const images = batch ?? 'batch';
  const row = [images, classes.length];
  const body = encode(messageType('onnx', 'GraphProto'), {
    name: model.name,
    node: graph.nodes,
    input: [valueInfo(INPUT, [images, 3, ...(anySize ? ['height', 'width'] : size)])],
    output: [valueInfo(LOGITS, row), valueInfo(PROBABILITIES, row)],
  });
  const initializers = graph.initializers.flatMap((tensor) =>
    field(FIELD.graphInitializer, tensorPieces(tensor)),
  );
  const head = encode(messageType('onnx', 'ModelProto'), {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: 'relaybp',
    producerVersion: version,
    docString: `${model.name}, step ${model.step}`,
    metadataProps: properties(model),
  });
  return [head, ...field(FIELD.modelGraph, [body, ...initializers])];
}

/** Everything as one JSON text, and its parts that other tools look for by themselves. */
function properties(model: ExportModel): { key: string; value: string }[] {
  const metadata = exportMetadata(model, 'onnx');
  return Object.entries({
    relaybp: metadata,
    classes: metadata.classes,
    preprocessing: metadata.preprocessing,
  }).map(([key, value]) => ({ key, value: JSON.stringify(value) }));
}

function tensorPieces({ name, dims, type, read }: Initializer): Piece[] {
  const header = encode(messageType('onnx', 'TensorProto'), {
    dims: [...dims],
    dataType: TYPES[type],
    name,
  });
  const count = dims.reduce((product, size) => product * size, 1);
  const values: Piece = {
    byteLength: count * BYTES[type],
    read: () => {
      const { buffer, byteOffset, byteLength } = read();
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  };
  return [header, ...field(FIELD.tensorRawData, [values])];
}

function valueInfo(name: string, shape: readonly (string | number)[]) {
  const dim = shape.map((size) =>
    typeof size === 'string' ? { dimParam: size } : { dimValue: size },
  );
  return { name, type: { tensorType: { elemType: TYPES.float, shape: { dim } } } };
}
