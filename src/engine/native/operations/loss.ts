/** Softmax cross-entropy; see `Engine.softmaxCrossEntropy`. */
import { EngineError } from '../../../errors.js';
import type { Scale, Targets, Tensor } from '../../engine.js';
import { rowScales } from '../../row-scales.js';
import { FLOAT, typeAttribute } from '../runtime/attributes.js';
import { DataType } from '../runtime/binding.js';
import { ownAs, scoped } from '../runtime/native-scope.js';
import type { NativeTensor, Runtime } from '../runtime/runtime.js';

const SPARSE = [FLOAT, typeAttribute('Tlabels', DataType.int32)];

/** @throws EngineError if the targets do not fit the rows, or a label is not -1 and not a class */
export function softmaxCrossEntropy(
  runtime: Runtime,
  logits: NativeTensor,
  targets: Targets,
  scale: Scale,
): { losses: Float32Array; gradient: Tensor } {
  return targets instanceof Float32Array
    ? withDistributions(runtime, logits, targets, scale)
    : withLabels(runtime, logits, targets, scale);
}

function withLabels(
  runtime: Runtime,
  logits: NativeTensor,
  labels: Int32Array,
  scale: Scale,
): { losses: Float32Array; gradient: Tensor } {
  const [rows = 0, classes = 0] = logits.shape;
  if (labels.length !== rows) {
    throw new EngineError(`got ${labels.length} labels for ${rows} rows of logits`);
  }
  const wrong = labels.find((label) => label < -1 || label >= classes);
  if (wrong !== undefined) {
    throw new EngineError(`label ${wrong} is not one of the ${classes} classes`);
  }
  const targets = runtime.binding.createTensor(
    [rows],
    DataType.int32,
    labels.map((label) => Math.max(label, 0)),
  );
  const counts = Array.from(labels, (label) => label >= 0);
  const op = 'SparseSoftmaxCrossEntropyWithLogits';
  return carryOut(runtime, logits, { op, attributes: SPARSE, targets, counts, scale });
}

function withDistributions(
  runtime: Runtime,
  logits: NativeTensor,
  shares: Float32Array,
  scale: Scale,
): { losses: Float32Array; gradient: Tensor } {
  const [rows = 0, classes = 0] = logits.shape;
  if (shares.length !== rows * classes) {
    throw new EngineError(
      `got ${shares.length} target values for ${rows} rows of logits of ${classes} classes`,
    );
  }
  const targets = runtime.binding.createTensor([rows, classes], DataType.float, shares);
  const counts = Array.from({ length: rows }, (_, row) =>
    shares.subarray(row * classes, (row + 1) * classes).some((share) => share !== 0),
  );
  const op = 'SoftmaxCrossEntropyWithLogits';
  return carryOut(runtime, logits, { op, attributes: [FLOAT], targets, counts, scale });
}

interface Operation {
  op: string;
  attributes: Parameters<Runtime['runAll']>[1];
  /** Freed here. */
  targets: number;
  /** Which rows count. */
  counts: readonly boolean[];
  scale: Scale;
}

function carryOut(
  runtime: Runtime,
  logits: NativeTensor,
  { op, attributes, targets, counts, scale }: Operation,
): { losses: Float32Array; gradient: Tensor } {
  const { binding } = runtime;
  const scales = rowScales(scale, counts.length);
  const weights = binding.createTensor(
    [counts.length, 1],
    DataType.float,
    Float32Array.from(counts, (one, row) => (one ? scales[row]! : 0)),
  );
  try {
    const [loss, difference] = scoped(runtime, (scope) =>
      runtime.runAll(op, attributes, [scope.float(logits), targets], 2),
    );
    const losses = binding.tensorDataSync(loss!) as Float32Array;
    binding.deleteTensor(loss!);
    for (const [row, one] of counts.entries()) if (!one) losses[row] = 0;
    // Zero times whatever the softmax made of a row that does not count is zero, also of what is no number.
    const gradient = runtime.chain(difference!, 'MulNoNan', [FLOAT], [weights]);
    const { shape, type } = logits;
    return { losses, gradient: ownAs(runtime, gradient, shape, DataType.float, type) };
  } finally {
    binding.deleteTensor(targets);
    binding.deleteTensor(weights);
  }
}
