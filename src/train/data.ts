import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { AugmentConfig } from '../config/augmentation.js';
import type { LabelMeaning } from '../config/label-meaning.js';
import type { DataConfig } from '../config/schema.js';
import type { Augmentation, PcaColor } from '../data/augment.js';
import type { ColorJitter } from '../data/color-jitter.js';
import { DECODING } from '../data/decode.js';
import type { ImageIndex } from '../data/image-index.js';
import { emptyClasses } from '../data/image-index.js';
import { IndexCache } from '../data/index-cache.js';
import { numbered } from '../data/list-labels.js';
import type { Mixing } from '../data/mixing.js';
import { openPrepared } from '../data/prepared.js';
import { isPrepared } from '../data/prepared-facts.js';
import { divisors, type Preprocessing, type Triple } from '../data/preprocessing.js';
import { relabelled, sameClasses, sameOrder } from '../data/relabel.js';
import { dataStatistics, type FoundStatistics } from '../data/statistics.js';
import { CheckpointError, DataError } from '../errors.js';
import type { NamedTensor } from '../safetensors.js';

/** How images become input: kept with every checkpoint, so that evaluation repeats it exactly. */
export interface Normalization {
  preprocessing: Preprocessing;
  /** For the colour shift in training; null without one. */
  color: PcaColor | null;
}

/**
 * The images of one part of a data set: a folder of class folders, or a list file of `path label` lines.
 *
 * @param classes the trained classes, matched by name; without them the data decide
 * @param onNotice receives a line per oddity that does not stop anything
 * @param cache where indexes are kept; without it none is
 * @param labels what the labels of a list are, where that is said; see `readLabels`
 */
export async function openImages(
  root: string,
  part: string,
  classes: readonly string[] | undefined,
  onNotice: (line: string) => void,
  cache: IndexCache = new IndexCache({ folder: null }),
  labels?: LabelMeaning,
): Promise<ImageIndex> {
  const path = resolve(root, part);
  if (isFile(path)) {
    const { index, labels: found } = await cache.openList(path, root, classes, labels);
    if (found === 'positions' && labels === undefined) {
      const used = [Math.min, Math.max].map((most) => index.labels.reduce((a, b) => most(a, b)));
      const [first, last] = used.map((label) => `${label} is ${index.classes[label!]}`);
      onNotice(
        `${path}: its labels are numbers, and taken as positions in the class list, counted from 0: ${first}, ${last}`,
      );
    }
    sayEmpty(path, index, onNotice);
    return index;
  }
  if (isPrepared(path)) {
    const index = openPrepared(path, classes);
    if (index.packed && index.packed.decoding !== DECODING) {
      onNotice(
        `${path}: was prepared by a version of relaybp that decodes some files otherwise (docs/data.md); prepare it anew to have all as they are decoded now`,
      );
    }
    sayEmpty(path, index, onNotice);
    return index;
  }
  const { index, missingClasses, strayFiles } = await cache.openFolder(path, classes);
  const empty = emptyClasses(index).filter((name) => !missingClasses.includes(name));
  if (empty.length > 0) onNotice(`${path}: no images in ${some(empty)}: never drawn`);
  if (missingClasses.length > 0) onNotice(`${path}: no folder for ${some(missingClasses)}`);
  if (strayFiles > 0) {
    onNotice(`${path}: ${strayFiles} images lie outside any class folder and are not used`);
  }
  return index;
}

function sayEmpty(path: string, index: ImageIndex, onNotice: (line: string) => void): void {
  const empty = emptyClasses(index);
  if (empty.length === 0) return;
  onNotice(
    `${path}: no image of ${empty.length === 1 ? 'the class' : 'the classes'} ${some(empty)}`,
  );
}

/**
 * The training images.
 *
 * @param trained classes of a checkpoint that the training begins or goes on with: if they are the same in another
 *   order, that order is kept, as its weights go by it
 * @throws DataError if their classes are not as many as the config says.
 */
export async function openTrainingImages(
  data: DataConfig,
  onNotice: (line: string) => void,
  cache?: IndexCache,
  trained?: readonly string[],
): Promise<ImageIndex> {
  const { root, train } = data;
  const index = await openByOwnClasses(data, train, onNotice, cache);
  if (index.classes.length !== data.classes) {
    throw new DataError(
      `${join(root, train)}: ${index.classes.length} classes, but data.classes is ${data.classes}`,
      `set data.classes: ${index.classes.length}, or point data.root to the right folder`,
    );
  }
  if (!trained || !sameClasses(trained, index.classes)) return index;
  if (!sameOrder(trained, index.classes)) {
    onNotice(`${resolve(root, train)}: the classes keep the order of the checkpoint`);
  }
  return relabelled(index, trained) as ImageIndex;
}

/** A part of a config's data with the classes that it says itself. */
export function openByOwnClasses(
  { root, classes, labels }: DataConfig,
  part: string,
  onNotice: (line: string) => void,
  cache?: IndexCache,
): Promise<ImageIndex> {
  const own = isFile(resolve(root, part)) && labels === 'positions' ? numbered(classes) : undefined;
  return openImages(root, part, own, onNotice, cache, labels);
}

/** The validation images, by the classes of training. */
export function openValidationImages(
  { root, val, labels }: DataConfig,
  classes: readonly string[],
  onNotice: (line: string) => void,
  cache?: IndexCache,
): Promise<ImageIndex> {
  return openImages(root, val, classes, onNotice, cache, labels);
}

/**
 * Statistics of the training images as the config crops them, computed once and kept in `cacheDir`.
 *
 * @param onProgress receives the images done and their total, while they are computed
 */
export function trainingStatistics(
  { resize, crop, maxPixels }: DataConfig,
  index: ImageIndex,
  cacheDir: string,
  onNotice?: (line: string) => void,
  onProgress?: (done: number, total: number) => void,
): Promise<FoundStatistics> {
  return dataStatistics(index, { resize, crop, maxPixels, cacheDir, onNotice, onProgress });
}

/** Means, deviations and colour components as the config asks; see `trainingStatistics`. */
export async function normalization(
  data: DataConfig,
  index: ImageIndex,
  cacheDir: string,
  onNotice?: (line: string) => void,
  onProgress?: (done: number, total: number) => void,
): Promise<Normalization> {
  const { resize, crop, mean, std, augment } = data;
  const needed = typeof mean === 'string' || std === 'channel' || augment.color === 'pca';
  const found = needed
    ? await trainingStatistics(data, index, cacheDir, onNotice, onProgress)
    : null;
  const statistics = found?.statistics;
  const preprocessing: Preprocessing = {
    resize,
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

/** How training images are varied. */
export function augmentation(
  { augment, sampler }: DataConfig,
  { color }: Normalization,
): Augmentation {
  const { flip, resizedCrop, colorJitter, randomErasing, mixup, cutmix } = augment;
  const samples = typeof sampler === 'object' && sampler.kind === 'class-aware';
  const mixing: Mixing = {
    mixup: mixup ?? null,
    cutmix: cutmix ?? null,
    probability: augment.mixProbability,
    switchProbability: augment.switchProbability,
    distance: samples ? sampler.samplesPerClass : 1,
  };
  return {
    flip,
    color,
    resizedCrop: resizedCrop ?? null,
    colorJitter: colorJitter ? jitterRanges(colorJitter) : null,
    randomErasing: randomErasing ?? null,
    mixing: mixup || cutmix ? mixing : null,
  };
}

/** A number b is the range [1 − b, 1 + b] without what is negative, of the hue [−b, b], and 0 no change, as torchvision. */
function jitterRanges(jitter: NonNullable<AugmentConfig['colorJitter']>): ColorJitter {
  const around = (
    value: number | readonly [number, number],
    centre: number,
  ): readonly [number, number] | null => {
    const range =
      typeof value === 'number'
        ? ([centre === 1 ? Math.max(0, 1 - value) : -value, centre + value] as const)
        : value;
    return range[0] === centre && range[1] === centre ? null : range;
  };
  return {
    brightness: around(jitter.brightness, 1),
    contrast: around(jitter.contrast, 1),
    saturation: around(jitter.saturation, 1),
    hue: around(jitter.hue, 0),
  };
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

const some = (names: readonly string[]): string =>
  names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
