import type { NativeLocation } from '../locate.js';
import { DataType, loadBinding } from './runtime/binding.js';

/**
 * Runs a SavedModel (tag `serve`) in TensorFlow itself.
 *
 * @param input `[batch, …]` under the name of a graph's tensor, for instance `pixels:0`
 * @param outputs names of the graph's tensors
 * @returns the values of each output
 */
export function runSavedModel(
  location: NativeLocation,
  folder: string,
  input: { name: string; shape: readonly number[]; values: Float32Array },
  outputs: readonly string[],
): Float32Array[] {
  const binding = loadBinding(location.binding);
  const session = binding.loadSavedModel(folder, 'serve');
  // The binding may share the memory of what it is given.
  const id = binding.createTensor(input.shape, DataType.float, input.values.slice());
  try {
    const results = binding.runSavedModel(session, [id], input.name, outputs.join(','));
    return results.map((result) => {
      const values = binding.tensorDataSync(result.id) as Float32Array;
      binding.deleteTensor(result.id);
      return values;
    });
  } finally {
    binding.deleteTensor(id);
    binding.deleteSavedModel(session);
  }
}
