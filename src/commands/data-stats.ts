import { join } from 'node:path';
import sharp from 'sharp';
import type { DataConfig } from '../config/experiment-schema.js';
import { loadConfig } from '../config/load.js';
import { printConfig } from '../config/print.js';
import type { Triple } from '../data/images/preprocessing.js';
import type { Skipped } from '../data/loader/failure-policy.js';
import { type ClassHistogram, classHistogram } from '../data/sampling/class-histogram.js';
import type { DataStatistics } from '../data/statistics/data-statistics.js';
import { cacheDir, indexCache } from '../experiment/data-cache.js';
import { openTrainingImages } from '../experiment/images.js';
import { imageStatistics, normalizationTensors } from '../experiment/input-normalization.js';
import { writeOutput } from '../files.js';
import { encodeSafetensors, type NamedTensor } from '../safetensors.js';
import { version } from '../version.js';
import { type Hooks, indexingTo, listening, STATISTICS } from './hooks.js';
import { type ConfigOptions, checkOutput } from './options.js';

export interface DataStatsOptions extends ConfigOptions {
  /** The mean image as a PNG file. */
  mean?: string;
  /** The exact numbers as a safetensors file. */
  tensors?: string;
  rebuildIndex?: boolean;
}

/** The same numbers on two scales of pixels. */
interface OnScales {
  scale255: Triple;
  scale1: Triple;
}

/** Format version 1, documented in docs/data.md. */
export interface DataStatsResult {
  formatVersion: 1;
  relaybp: string;
  /** Folder or list file of the training images. */
  data: string;
  fingerprint: string;
  /** Images in the index, undecodable ones too. */
  images: number;
  undecodable: { count: number; first: readonly Skipped[] };
  preprocessing: Pick<DataConfig, 'resize' | 'interpolation' | 'protocol' | 'crop' | 'maxPixels'>;
  mean: OnScales;
  std: OnScales;
  /** Of the covariance of RGB, 0–1 scale; the largest first. `vectors[i]` belongs to `values[i]`. */
  pca: { values: Triple; vectors: readonly [Triple, Triple, Triple] };
  /** Least and largest value of the mean image, 0–255 scale. */
  meanImage: { shape: [number, number, 3]; min: number; max: number };
  classes: ClassHistogram;
  /** `file` is null if the statistics could not be kept; `read`: they were there, nothing was computed. */
  cache: { file: string | null; read: boolean };
  /** Files that were written. */
  files: { mean: string | null; tensors: string | null };
  seconds: number;
}

/** `relaybp data stats`: the statistics that training normalizes by, and how many images the classes have. */
export async function dataStatsCommand(
  file: string,
  options: DataStatsOptions = {},
  hooks: Hooks = {},
): Promise<DataStatsResult> {
  const { notice, progress } = listening(hooks);
  checkOutput('--mean', options.mean);
  checkOutput('--tensors', options.tensors);
  const began = performance.now();
  const { config } = loadConfig(file, options.set);
  const { data } = config;
  const cache = indexCache({
    rebuild: options.rebuildIndex,
    onNotice: notice,
    onProgress: indexingTo(progress),
  });
  const index = await openTrainingImages(data, notice, cache);
  const found = await imageStatistics(data, index, cacheDir(), notice, (done, total) =>
    progress({ what: STATISTICS, done, total }),
  );
  const { statistics } = found;
  const { mean, channelMean, channelStd, eigen } = statistics;
  if (options.mean) writeOutput(options.mean, [await picture(mean, data.crop)]);
  if (options.tensors) {
    const metadata = {
      relaybp: version,
      config: printConfig(config),
      fingerprint: statistics.fingerprint,
    };
    writeOutput(options.tensors, encodeSafetensors(tensorsOf(data, statistics), metadata));
  }
  return {
    formatVersion: 1,
    relaybp: version,
    data: join(data.root, data.train),
    fingerprint: statistics.fingerprint,
    images: index.count,
    undecodable: { count: statistics.undecodable, first: statistics.firstUndecodable },
    preprocessing: {
      resize: data.resize,
      interpolation: data.interpolation,
      protocol: data.protocol,
      crop: data.crop,
      maxPixels: data.maxPixels,
    },
    mean: onScales(channelMean),
    std: onScales(channelStd),
    pca: { values: eigen.values, vectors: eigen.vectors },
    meanImage: { shape: [data.crop, data.crop, 3], ...range(mean) },
    classes: classHistogram(index),
    cache: { file: found.file, read: found.read },
    files: { mean: options.mean ?? null, tensors: options.tensors ?? null },
    seconds: Number(((performance.now() - began) / 1000).toFixed(1)),
  };
}

/** As a checkpoint has them under `mean: pixel`, `std: channel` and `color: pca`; and `mean.channel` `[3]`. */
function tensorsOf(
  { resize, crop }: DataConfig,
  { mean, channelMean, channelStd, eigen }: DataStatistics,
): Map<string, NamedTensor> {
  const tensors = normalizationTensors({
    preprocessing: { resize, crop, mean: { kind: 'pixel', values: mean }, std: channelStd },
    color: eigen,
  });
  return tensors.set('mean.channel', { shape: [3], values: Float32Array.from(channelMean) });
}

/** @param mean [side, side, 3], 0–255 scale @returns a PNG file */
function picture(mean: Float32Array, side: number): Promise<Buffer> {
  const pixels = Uint8Array.from(mean, Math.round);
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

const onScales = (values: Triple): OnScales => ({
  scale255: values,
  scale1: [values[0] / 255, values[1] / 255, values[2] / 255],
});

function range(values: Float32Array): { min: number; max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { min, max };
}
