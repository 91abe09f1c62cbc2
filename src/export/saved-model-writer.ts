import { randomUUID } from 'node:crypto';
import { messageType } from '../protos.js';
import { type ExportModel, exportMetadata } from './exported-model.js';
import { type BundleTensor, DATA_TYPES, tensorBundle } from './tensor-bundle.js';
import { signature, tensorFlowGraph } from './tensorflow.js';
import type { TensorFlowConstant, TensorFlowNode } from './tensorflow-graph.js';
import { encode, field, type Piece, whole } from './wire.js';

/** The version of graphs that TensorFlow 2 writes, and that every TensorFlow 2 reads. */
const GRAPH_PRODUCER = 440;
const TENSORFLOW = '2.0.0';
/** Field numbers in `protos/tensorflow.proto`. */
const FIELD = { metaGraph: 2, graphDef: 2, node: 1 } as const;
/** Nodes that restore the variables, named as TensorFlow's own. */
const SAVER = { file: 'save/Const', restore: 'save/restore_all' } as const;

const type = (name: string): { type: string } => ({ type: name });
const text = (value: string): { s: Buffer } => ({ s: Buffer.from(value) });
const dims = (shape: readonly number[]) => ({ dim: shape.map((size) => ({ size })) });

/**
 * The files of a SavedModel by path, in the order in which they must be written: filters and fully connected weights
 * as variables (TensorFlow copies constants many times over when it loads a graph), everything smaller as constants;
 * the signature `serving_default`; and `assets.extra/relaybp.json`.
 */
export function savedModelFiles(model: ExportModel): Map<string, Piece[]> {
  const graph = tensorFlowGraph(model, { fused: false });
  const isLarge = ({ dtype, shape }: TensorFlowConstant): boolean =>
    dtype !== 'int32' && shape.length > 1;
  const variables = graph.constants.filter(isLarge) as BundleTensor[];
  const nodes = [
    ...graph.constants.filter((constant) => !isLarge(constant)).map(constantNode),
    ...variableNodes(variables),
    ...restoreNodes(variables),
    ...graph.nodes,
  ].map((node) => encode(messageType('tensorflow', 'NodeDef'), { ...node }));
  const graphDef = [
    ...nodes.flatMap((node) => field(FIELD.node, [node])),
    encode(messageType('tensorflow', 'GraphDef'), { versions: { producer: GRAPH_PRODUCER } }),
  ];
  const metaGraph = [
    encode(messageType('tensorflow', 'MetaGraphDef'), {
      metaInfoDef: { tags: ['serve'], tensorflowVersion: TENSORFLOW },
      saverDef: {
        filenameTensorName: `${SAVER.file}:0`,
        saveTensorName: `${SAVER.file}:0`,
        restoreOpName: SAVER.restore,
        version: 'V2',
      },
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
    ...tensorBundle('variables/variables', variables),
    ['saved_model.pb', file],
    ['assets.extra/relaybp.json', [whole(Buffer.from(metadata))]],
  ]);
}

function constantNode({ name, shape, dtype, read }: TensorFlowConstant): TensorFlowNode {
  const { buffer, byteOffset, byteLength } = read();
  const of = dtype === 'float32' ? 'DT_FLOAT' : 'DT_INT32';
  const tensorContent = Buffer.from(buffer, byteOffset, byteLength);
  const tensor = { dtype: of, tensorShape: dims(shape), tensorContent };
  return { name, op: 'Const', input: [], attr: { dtype: type(of), value: { tensor } } };
}

/**
 * A handle and the reading of its value for each variable, which has the constant's name. Handles with the same
 * shared name are the same variable, also in other models of the process: so that name is like no other.
 */
function variableNodes(variables: readonly BundleTensor[]): TensorFlowNode[] {
  const id = randomUUID();
  return variables.flatMap(({ name, shape, dtype }): TensorFlowNode[] => [
    {
      name: `${name}/handle`,
      op: 'VarHandleOp',
      input: [],
      attr: {
        container: text(''),
        shared_name: text(`${id}/${name}`),
        dtype: type(DATA_TYPES[dtype]),
        shape: { shape: dims(shape) },
      },
    },
    ...valueNodes(name, dtype),
  ]);
}

/** A variable's value as float32, under its own name. */
function valueNodes(name: string, dtype: BundleTensor['dtype']): TensorFlowNode[] {
  const read = (as: string): TensorFlowNode => ({
    name: as,
    op: 'ReadVariableOp',
    input: [`${name}/handle`],
    attr: { dtype: type(DATA_TYPES[dtype]) },
  });
  if (dtype === 'float32') return [read(name)];
  const stored = `${name}/float16`;
  const attr = { SrcT: type('DT_HALF'), DstT: type('DT_FLOAT') };
  return [read(stored), { name, op: 'Cast', input: [stored], attr }];
}

/** Reads all variables from the file whose name is fed. */
function restoreNodes(variables: readonly BundleTensor[]): TensorFlowNode[] {
  const strings = (name: string, values: readonly string[]): TensorFlowNode => {
    const tensorShape = dims([values.length]);
    const tensor = {
      dtype: 'DT_STRING',
      tensorShape,
      stringVal: values.map((value) => Buffer.from(value)),
    };
    return { name, op: 'Const', input: [], attr: { dtype: type('DT_STRING'), value: { tensor } } };
  };
  const [names, slices, values] = ['tensor_names', 'shape_and_slices', 'RestoreV2'].map(
    (name) => `save/${name}`,
  ) as [string, string, string];
  const assign = (i: number): string => `save/Assign_${i}`;
  return [
    {
      name: SAVER.file,
      op: 'Placeholder',
      input: [],
      attr: { dtype: type('DT_STRING'), shape: { shape: dims([]) } },
    },
    strings(
      names,
      variables.map(({ name }) => name),
    ),
    strings(
      slices,
      variables.map(() => ''),
    ),
    {
      name: values,
      op: 'RestoreV2',
      input: [SAVER.file, names, slices],
      attr: { dtypes: { list: { type: variables.map(({ dtype }) => DATA_TYPES[dtype]) } } },
    },
    ...variables.map(({ name, dtype }, i) => ({
      name: assign(i),
      op: 'AssignVariableOp',
      input: [`${name}/handle`, `${values}:${i}`],
      attr: { dtype: type(DATA_TYPES[dtype]) },
    })),
    { name: SAVER.restore, op: 'NoOp', input: variables.map((_, i) => `^${assign(i)}`), attr: {} },
  ];
}
