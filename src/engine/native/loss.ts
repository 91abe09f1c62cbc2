/** Softmax cross-entropy; see `Engine.softmaxCrossEntropy`. */
import { EngineError } from '../../errors.js';
import type { Tensor } from '../engine.js';
import { FLOAT, typeAttribute } from './attributes.js';
import { DataType } from './binding.js';
import type { NativeTensor, Runtime } from './runtime.js';
import { ownAs, scoped } from './scope.js';

const ATTRIBUTES = [FLOAT, typeAttribute('Tlabels', DataType.int32)];

/** @throws EngineError if there are not as many labels as rows, or one is not -1 and not a class */
export function softmaxCrossEntropy(
  runtime: Runtime,
  logits: NativeTensor,
  labels: Int32Array,
  scale: number,
): { losses: Float32Array; gradient: Tensor } {
  const [rows = 0, classes = 0] = logits.shape;
  if (labels.length !== rows) {
    throw new EngineError(`got ${labels.length} labels for ${rows} rows of logits`);
  }
  const wrong = labels.find((label) => label < -1 || label >= classes);
  if (wrong !== undefined) {
    throw new EngineError(`label ${wrong} is not one of the ${classes} classes`);
  }
  const { binding } = runtime;
  const targets = binding.createTensor(
    [rows],
    DataType.int32,
    labels.map((label) => Math.max(label, 0)),
  );
  const weights = binding.createTensor(
    [rows, 1],
    DataType.float,
    Float32Array.from(labels, (label) => (label < 0 ? 0 : scale)),
  );
  try {
    const op = 'SparseSoftmaxCrossEntropyWithLogits';
    const [loss, difference] = scoped(runtime, (scope) =>
      runtime.runAll(op, ATTRIBUTES, [scope.float(logits), targets], 2),
    );
    const losses = binding.tensorDataSync(loss!) as Float32Array;
    binding.deleteTensor(loss!);
    for (const [row, label] of labels.entries()) if (label < 0) losses[row] = 0;
    const gradient = runtime.chain(difference!, 'Mul', [FLOAT], [weights]);
    const { shape, type } = logits;
    return { losses, gradient: ownAs(runtime, gradient, shape, DataType.float, type) };
  } finally {
    binding.deleteTensor(targets);
    binding.deleteTensor(weights);
  }
}
