import { extname } from 'node:path';
import { CheckpointError, ConfigError } from '../errors.js';
import { MOST_BYTES, readRegularBytes } from '../regular-file.js';
import { decodeSafetensors, type NamedTensor } from '../safetensors.js';
import { messageOf, systemFix } from '../system-error.js';
import { readCaffeModel } from './caffemodel.js';
import { FOREIGN_DTYPES } from './dtypes.js';

/** Weights as another program saved them. */
export interface WeightFile {
  readonly format: 'safetensors' | 'caffemodel';
  /** Convolutions `[out, in, height, width]`, fully connected weights `[out, in]` over channel-first maps. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

/** @throws CheckpointError naming the file and what is wrong in it; ConfigError for other kinds of files */
export function readWeightFile(path: string): WeightFile {
  const extension = extname(path).toLowerCase();
  if (extension !== '.safetensors' && extension !== '.caffemodel') {
    throw new ConfigError(
      `${path}: import reads .safetensors (weights named as in torchvision, timm or relaybp) and .caffemodel`,
      ['.pth', '.pt', '.bin'].includes(extension)
        ? `convert it: python -c "import torch; from safetensors.torch import save_file; save_file({k: v.contiguous() for k, v in torch.load('${path}', weights_only=True).items()}, 'weights.safetensors')"`
        : undefined,
    );
  }
  let file: Buffer;
  try {
    file = readRegularBytes(path, MOST_BYTES);
  } catch (error) {
    throw new CheckpointError(`${path}: cannot be read: ${messageOf(error)}`, systemFix(error));
  }
  return extension === '.caffemodel'
    ? { format: 'caffemodel', tensors: readCaffeModel(file, path) }
    : { format: 'safetensors', tensors: decodeSafetensors(file, path, FOREIGN_DTYPES) };
}
