import type { AugmentConfig } from '../config/augmentation.js';
import type { DataConfig } from '../config/schema.js';
import type { Augmentation } from '../data/augment/augment.js';
import type { ColorJitter } from '../data/augment/color-jitter.js';
import type { Mixing } from '../data/augment/mixing.js';
import { asMapping, samplerType } from '../data/sampling/table.js';
import type { Normalization } from './normalization.js';

/** How training images are varied. */
export function augmentation(
  { augment, sampler }: DataConfig,
  { color }: Normalization,
): Augmentation {
  const { flip, resizedCrop, colorJitter, randomErasing, mixup, cutmix } = augment;
  const drawn = asMapping(sampler);
  const mixing: Mixing = {
    mixup: mixup ?? null,
    cutmix: cutmix ?? null,
    probability: augment.mixProbability,
    switchProbability: augment.switchProbability,
    distance: samplerType(drawn).inARow?.(drawn) ?? 1,
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
