import { divisors } from '../data/images/preprocessing.js';
import { encodeSafetensors, type NamedTensor } from '../safetensors.js';
import { type ExportModel, exportMetadata } from './exported-model.js';

/**
 * The weights alone, names and layouts as in a checkpoint, with `normalization.mean` (`[crop, crop, 3]` or `[3]`)
 * and `normalization.std` `[3]`; the metadata is the header's `relaybp`.
 */
export function safetensorsFile(model: ExportModel): Iterable<Uint8Array> {
  const { mean, crop } = model.preprocessing;
  const tensors = new Map<string, NamedTensor>(model.weights);
  tensors.set('normalization.mean', {
    shape: mean.kind === 'pixel' ? [crop, crop, 3] : [3],
    values: Float32Array.from(mean.values),
  });
  tensors.set('normalization.std', {
    shape: [3],
    values: Float32Array.from(divisors(model.preprocessing)),
  });
  return encodeSafetensors(tensors, {
    relaybp: JSON.stringify(exportMetadata(model, 'safetensors')),
  });
}
