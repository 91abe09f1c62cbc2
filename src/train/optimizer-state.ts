import type { OptimizerConfig } from '../config/experiment-schema.js';
import { CheckpointError } from '../errors.js';
import type { Parameters } from '../model/parameters.js';
import type { NamedTensor } from '../safetensors.js';
import { slotsOf } from './optimizer.js';

/** What the optimizer keeps beside the parameters, as a checkpoint holds it: `<slot>/<parameter>`. */
export function optimizerTensors(
  optimizer: OptimizerConfig,
  parameters: Parameters,
): Map<string, NamedTensor> {
  const tensors = slotsOf(optimizer).flatMap((slot) =>
    [...parameters.snapshotSlot(slot)].map(
      ([name, tensor]) => [`${slot}/${name}`, tensor] as const,
    ),
  );
  return new Map(tensors);
}

/**
 * The inverse of `optimizerTensors`.
 *
 * @throws CheckpointError if another type of optimizer wrote them, or for another network.
 */
export function restoreOptimizer(
  optimizer: OptimizerConfig,
  parameters: Parameters,
  tensors: ReadonlyMap<string, NamedTensor>,
): void {
  const slots = slotsOf(optimizer);
  const isOurs = (name: string): boolean => slots.some((slot) => name.startsWith(`${slot}/`));
  const other = [...tensors.keys()].find((name) => !isOurs(name));
  if (other !== undefined) {
    throw new CheckpointError(
      `the checkpoint holds ${other}, which an optimizer of type ${optimizer.type} does not keep (it keeps ${slots.join(', ')})`,
      'go on with the optimizer.type that the checkpoint was trained with',
    );
  }
  for (const slot of slots) {
    const own = [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(`${slot}/`) ? [[name.slice(slot.length + 1), tensor] as const] : [],
    );
    parameters.restoreSlot(slot, new Map(own));
  }
}
