import type { DataConfig } from '../config/experiment-schema.js';
import type { Augmentation } from '../data/augment/augment.js';
import type { Mixing } from '../data/augment/mixing.js';
import { type AugmentationRules, chosen } from '../data/augment/table.js';
import { asMapping, samplerType } from '../data/sampling/table.js';
import type { Normalization } from './input-normalization.js';

/** How training images are varied. */
export function augmentation(
  { augment, sampler }: DataConfig,
  { color }: Normalization,
): Augmentation {
  const { flip, mixup, cutmix } = augment;
  const drawn = asMapping(sampler);
  const mixing: Mixing = {
    mixup: mixup ?? null,
    cutmix: cutmix ?? null,
    probability: augment.mixProbability,
    switchProbability: augment.switchProbability,
    distance: samplerType(drawn).inARow?.(drawn) ?? 1,
  };
  const rules = chosen<object>(augment).map(({ name, type, options }) => [
    name,
    type.rule?.(options) ?? options,
  ]);
  return {
    flip,
    color,
    ...(Object.fromEntries(rules) as AugmentationRules),
    mixing: mixup || cutmix ? mixing : null,
  };
}
