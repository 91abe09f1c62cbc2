import { type ExportModel, exportMetadata } from './model.js';
import { signature, tensorFlowGraph } from './tensorflow.js';
import type { TensorFlowConstant } from './tensorflow-graph.js';
import { encode, field, messageType, type Piece, whole } from './wire.js';

/** The version of graphs that TensorFlow 2 writes, and that every TensorFlow 2 reads. */
const GRAPH_PRODUCER = 440;
const TENSORFLOW = '2.0.0';
/** Field numbers in `protos/tensorflow.proto` of what is put together from pieces. */
const FIELD = {
  metaGraph: 2,
  graphDef: 2,
  node: 1,
  attr: 5,
  key: 1,
  value: 2,
  tensor: 8,
  content: 4,
} as const;
const TYPES = { float32: 'DT_FLOAT', int32: 'DT_INT32' } as const;

/**
 * The files of a SavedModel by path: a frozen graph (weights are constants, there are no variables) with the
 * signature `serving_default`, and `assets.extra/relaybp.json`.
 */
export function savedModelFiles(model: ExportModel): Map<string, Piece[]> {
  const graph = tensorFlowGraph(model, { fused: false });
  const nodes = graph.nodes.map((node) =>
    encode(messageType('tensorflow', 'NodeDef'), { ...node }),
  );
  const graphDef = [
    ...graph.constants.flatMap((constant) => field(FIELD.node, constantNode(constant))),
    ...nodes.flatMap((node) => field(FIELD.node, [node])),
    encode(messageType('tensorflow', 'GraphDef'), { versions: { producer: GRAPH_PRODUCER } }),
  ];
  const metaGraph = [
    encode(messageType('tensorflow', 'MetaGraphDef'), {
      metaInfoDef: { tags: ['serve'], tensorflowVersion: TENSORFLOW },
      signatureDef: { serving_default: signature(model) },
    }),
    ...field(FIELD.graphDef, graphDef),
  ];
  const file = [
    encode(messageType('tensorflow', 'SavedModel'), { savedModelSchemaVersion: 1 }),
    ...field(FIELD.metaGraph, metaGraph),
  ];
  const metadata = JSON.stringify(exportMetadata(model, 'saved-model'), null, 1);
  return new Map([
    ['saved_model.pb', file],
    ['assets.extra/relaybp.json', [whole(Buffer.from(metadata))]],
  ]);
}

/** A `NodeDef` whose attribute `value` holds the tensor. */
function constantNode({ name, shape, dtype, read }: TensorFlowConstant): Piece[] {
  const type = TYPES[dtype];
  const head = encode(messageType('tensorflow', 'NodeDef'), {
    name,
    op: 'Const',
    attr: { dtype: { type } },
  });
  const tensor = encode(messageType('tensorflow', 'TensorProto'), {
    dtype: type,
    tensorShape: { dim: shape.map((size) => ({ size })) },
  });
  const content: Piece = {
    byteLength: 4 * shape.reduce((product, size) => product * size, 1),
    read: () => {
      const { buffer, byteOffset, byteLength } = read();
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  };
  const value = field(FIELD.tensor, [tensor, ...field(FIELD.content, [content])]);
  const entry = [...field(FIELD.key, [whole(Buffer.from('value'))]), ...field(FIELD.value, value)];
  return [head, ...field(FIELD.attr, entry)];
}
