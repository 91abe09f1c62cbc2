import { divisors } from '../data/images/preprocessing.js';
import { type ExportModel, INPUT, LOGITS, PROBABILITIES } from './exported-model.js';
import { buildNetwork, inputNormalization } from './graph.js';
import { TensorFlowGraph } from './tensorflow-graph.js';

/** The network as TensorFlow operations: `pixels` `[batch, height, width, 3]` → `logits` and `probabilities`. */
export function tensorFlowGraph(model: ExportModel, options: { fused: boolean }): TensorFlowGraph {
  const { mean } = model.preprocessing;
  const { size, anySize, batch, weights } = model.graph;
  const halfWeights = weights === 'float16';
  const graph = new TensorFlowGraph({ ...options, halfWeights, anySize });
  const pixels = graph.placeholder(INPUT, [batch ?? -1, ...sidesOf(model.graph), 3]);
  const normalization = inputNormalization(mean.values, divisors(model.preprocessing), size);
  const input = graph.affine('input', pixels, normalization);
  const logits = buildNetwork(graph, model, input);
  graph.output('Identity', LOGITS, logits);
  graph.output('Softmax', PROBABILITIES, logits);
  return graph;
}

/** -1 for any. */
const sidesOf = ({ size, anySize }: ExportModel['graph']): readonly number[] =>
  anySize ? [-1, -1] : size;

/** The interface as a `SignatureDef`. */
export function signature({ graph, classes }: ExportModel) {
  const { batch } = graph;
  const tensor = (name: string, shape: readonly number[]) => ({
    name: `${name}:0`,
    dtype: 'DT_FLOAT',
    tensorShape: { dim: [batch ?? -1, ...shape].map((size) => ({ size })) },
  });
  return {
    inputs: { [INPUT]: tensor(INPUT, [...sidesOf(graph), 3]) },
    outputs: {
      [LOGITS]: tensor(LOGITS, [classes.length]),
      [PROBABILITIES]: tensor(PROBABILITIES, [classes.length]),
    },
    methodName: 'tensorflow/serving/predict',
  };
}
