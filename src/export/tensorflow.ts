import { divisors } from '../data/images/preprocessing.js';
import { type ExportModel, INPUT, LOGITS, PROBABILITIES } from './exported-model.js';
import { buildChain, inputNormalization } from './graph.js';
import { TensorFlowGraph } from './tensorflow-graph.js';

/** The network as TensorFlow operations: `pixels` `[batch, height, width, 3]` → `logits` and `probabilities`. */
export function tensorFlowGraph(model: ExportModel, options: { fused: boolean }): TensorFlowGraph {
  const { crop, mean } = model.preprocessing;
  const graph = new TensorFlowGraph(options.fused);
  const size = [crop, crop] as const;
  const pixels = graph.placeholder(INPUT, [...size, 3]);
  const normalization = inputNormalization(mean.values, divisors(model.preprocessing), size);
  const input = graph.affine('input', pixels, normalization);
  const logits = buildChain(graph, model.chain, model.weights, input);
  graph.output('Identity', LOGITS, logits);
  graph.output('Softmax', PROBABILITIES, logits);
  return graph;
}

/** The interface as a `SignatureDef`. */
export function signature({ preprocessing, classes }: ExportModel) {
  const { crop } = preprocessing;
  const tensor = (name: string, shape: readonly number[]) => ({
    name: `${name}:0`,
    dtype: 'DT_FLOAT',
    tensorShape: { dim: [-1, ...shape].map((size) => ({ size })) },
  });
  return {
    inputs: { [INPUT]: tensor(INPUT, [crop, crop, 3]) },
    outputs: {
      [LOGITS]: tensor(LOGITS, [classes.length]),
      [PROBABILITIES]: tensor(PROBABILITIES, [classes.length]),
    },
    methodName: 'tensorflow/serving/predict',
  };
}
