import type { ExperimentConfig } from '../config/experiment-schema.js';
import { chosen } from '../data/augment/table.js';

/** In which order images are drawn, in words: `power, q 0.5`. */
export function samplerText({ sampler }: ExperimentConfig['data']): string {
  if (typeof sampler === 'string') return sampler;
  const { kind, ...rest } = sampler;
  return [kind, ...named(rest)].join(', ');
}

/** How training images are varied, in words. */
export function augmentationText({ augment }: ExperimentConfig['data']): string {
  const { flip, color, mixup, cutmix } = augment;
  const inner = (options: object): string => `(${named(options).join(', ')})`;
  const mixers = [
    ...(mixup ? [`mixup ${inner(mixup)}`] : []),
    ...(cutmix ? [`cutmix ${inner(cutmix)}`] : []),
  ];
  const shares = [
    ...(augment.mixProbability < 1 ? [`of ${augment.mixProbability} of the pairs`] : []),
    ...(mixers.length > 1 ? [`switch ${augment.switchProbability}`] : []),
  ];
  const single = chosen<object>(augment);
  const text = (each: typeof single): string[] =>
    each.map(({ name, options }) => `${name} ${inner(options)}`);
  const crops = single.filter(({ type }) => type.crop);
  return [
    ...(crops.length > 0 ? text(crops) : ['random crop']),
    ...(flip ? ['flip'] : []),
    ...(color === 'pca' ? ['color pca'] : []),
    ...text(single.filter(({ type }) => !type.crop)),
    ...(mixers.length > 0 ? [[mixers.join(' or '), ...shares].join(', ')] : []),
  ].join('; ');
}

/** `key value` of each option; numbers without more digits than say something. */
function named(options: object): string[] {
  const text = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
    return typeof value === 'number' ? String(Number(value.toFixed(4))) : String(value);
  };
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${text(value)}`);
}
