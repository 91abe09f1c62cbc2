import type { Binding } from '../../src/engine/native/runtime/binding.js';

export type Execute = Binding['executeOp'];

/** The real binding with another `executeOp`. */
export function changedBinding(binding: Binding, executeOp: Execute): Binding {
  return Object.create(binding, { executeOp: { value: executeOp } }) as Binding;
}
