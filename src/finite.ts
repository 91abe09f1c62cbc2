import { CheckpointError } from './errors.js';
import type { NamedTensor } from './safetensors.js';

/** Whether all values are numbers, and finite. In one pass without a branch: zero times a number is zero. */
export function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * 0;
  return sum === 0;
}

/** Tensors named in a message. */
const NAMED = 5;

/**
 * Weights that are not finite would pass for weights: a maximum can hide what is no number, and the scores are numbers.
 *
 * @param label the file's name, for the message
 * @throws CheckpointError naming the tensors
 */
export function expectFinite(tensors: ReadonlyMap<string, NamedTensor>, label: string): void {
  const bad = [...tensors].filter(([, { values }]) => !allFinite(values));
  if (bad.length === 0) return;
  const named = bad.slice(0, NAMED).map(([name, { values }]) => {
    const count = values.reduce((n, value) => (Number.isFinite(value) ? n : n + 1), 0);
    return `${name} (${count} of ${values.length} values)`;
  });
  const rest = bad.length > NAMED ? ` and ${bad.length - NAMED} more tensors` : '';
  throw new CheckpointError(
    `${label}: not finite in float32 (NaN or infinite): ${named.join(', ')}${rest}`,
    'the training that wrote it had diverged, or it was converted wrongly: take an earlier checkpoint, or make the file anew',
  );
}
