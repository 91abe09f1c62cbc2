import type { DataConfig } from '../config/experiment-schema.js';
import type { PcaColor } from '../data/augment/augment.js';
import { divisors, type Preprocessing, type Triple } from '../data/images/preprocessing.js';
import type { ImageIndex } from '../data/index/image-index.js';
import type { DataStatistics } from '../data/statistics/data-statistics.js';
import { dataStatistics, type FoundStatistics } from '../data/statistics/statistics.js';
import { CheckpointError } from '../errors.js';
import type { NamedTensor } from '../safetensors.js';
import { pixelScaleNotice } from './pixel-scale.js';

/** How images become input: kept with every checkpoint, so that evaluation repeats it exactly. */
export interface Normalization {
  preprocessing: Preprocessing;
  /** For the colour shift in training; null without one. */
  color: PcaColor | null;
}

/**
 * Statistics of images as the config crops them, computed once and kept in `cacheDir`.
 *
 * @param onProgress receives the images done and their total, while they are computed
 */
export function imageStatistics(
  { resize, crop, maxPixels, interpolation, protocol }: DataConfig,
  index: ImageIndex,
  cacheDir: string,
  onNotice?: (line: string) => void,
  onProgress?: (done: number, total: number) => void,
): Promise<FoundStatistics> {
  const resizing = { interpolation, protocol };
  return dataStatistics(index, {
    resize,
    resizing,
    crop,
    maxPixels,
    cacheDir,
    onNotice,
    onProgress,
  });
}

export interface NormalizationOptions {
  /** Where statistics are kept. */
  cacheDir: string;
  onNotice?: (line: string) => void;
  /** Receives the images done and their total, while statistics are computed. */
  onProgress?: (done: number, total: number) => void;
  /** Receives what is known of the images, where that is asked for; may throw. */
  onStatistics?: (statistics: DataStatistics) => void | Promise<void>;
}

/** Means, deviations and colour components as the config asks; see `imageStatistics`. A line says if they look like another scale's. */
export async function normalization(
  data: DataConfig,
  index: ImageIndex,
  { cacheDir, onNotice, onProgress, onStatistics }: NormalizationOptions,
): Promise<Normalization> {
  const { resize, interpolation, protocol, crop, mean, std, augment } = data;
  const scale = pixelScaleNotice(data);
  if (scale !== null) onNotice?.(scale);
  const needed = typeof mean === 'string' || std === 'channel' || augment.color === 'pca';
  const found = needed ? await imageStatistics(data, index, cacheDir, onNotice, onProgress) : null;
  const statistics = found?.statistics;
  if (statistics) await onStatistics?.(statistics);
  const preprocessing: Preprocessing = {
    resize,
    resizing: { interpolation, protocol },
    crop,
    mean:
      mean === 'pixel'
        ? { kind: 'pixel', values: statistics!.mean }
        : { kind: 'channel', values: mean === 'channel' ? statistics!.channelMean : mean },
    std: std === 'channel' ? statistics!.channelStd : std,
  };
  const exact = { preprocessing, color: augment.color === 'pca' ? statistics!.eigen : null };
  // As a checkpoint keeps it, in float32: a resumed run must see the very same numbers.
  return readNormalization(data, normalizationTensors(exact), index.root);
}

/** As tensors for a checkpoint: `mean` `[crop, crop, 3]` or `[3]`, `std` `[3]`, `pca.vectors`, `pca.values`. */
export function normalizationTensors(normalization: Normalization): Map<string, NamedTensor> {
  const { preprocessing, color } = normalization;
  const { crop, mean, std } = preprocessing;
  const side = crop as number;
  const tensors = new Map<string, NamedTensor>();
  tensors.set('mean', {
    shape: mean.kind === 'pixel' ? [side, side, 3] : [3],
    values: Float32Array.from(mean.values),
  });
  tensors.set('std', { shape: [3], values: Float32Array.from(divisors({ std })) });
  if (color) {
    tensors.set('pca.vectors', { shape: [3, 3], values: Float32Array.from(color.vectors.flat()) });
    tensors.set('pca.values', { shape: [3], values: Float32Array.from(color.values) });
  }
  return tensors;
}

/** The inverse of `normalizationTensors`. @throws CheckpointError if a tensor is missing. */
export function readNormalization(
  data: DataConfig,
  tensors: Map<string, NamedTensor>,
  label: string,
): Normalization {
  const get = (name: string): Float32Array => {
    const tensor = tensors.get(name);
    if (!tensor) throw new CheckpointError(`${label}/normalization.safetensors: no "${name}"`);
    return tensor.values;
  };
  const triple = (values: Float32Array, at = 0): Triple => [
    values[at]!,
    values[at + 1]!,
    values[at + 2]!,
  ];
  const mean = get('mean');
  const color = (): PcaColor => {
    const vectors = get('pca.vectors');
    return {
      vectors: [triple(vectors), triple(vectors, 3), triple(vectors, 6)],
      values: triple(get('pca.values')),
    };
  };
  return {
    preprocessing: {
      resize: data.resize,
      resizing: { interpolation: data.interpolation, protocol: data.protocol },
      crop: data.crop,
      mean:
        mean.length === 3
          ? { kind: 'channel', values: triple(mean) }
          : { kind: 'pixel', values: mean },
      std: triple(get('std')),
      maxPixels: data.maxPixels,
    },
    color: data.augment.color === 'pca' ? color() : null,
  };
}
