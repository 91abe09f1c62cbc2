import type { DataConfig } from '../config/experiment-schema.js';

/**
 * What to say of a mean and deviation that look like those of pixels from 0 to 1, as torchvision gives them; null of
 * others. Pixels are 0 to 255 here: by a deviation of 0.2 they would become inputs of a thousand.
 *
 * Numbers of that scale are at most 1. No mean at all (0) and no division (1) are at home on either.
 */
export function pixelScaleNotice({ mean, std }: Pick<DataConfig, 'mean' | 'std'>): string | null {
  const given = {
    mean: looksScaled(mean, 0) ? mean : null,
    std: looksScaled(std, 1) ? std : null,
  };
  const keys = Object.entries(given).filter((entry) => entry[1] !== null);
  if (keys.length === 0) return null;
  const texts = keys.map(([key, value]) => `data.${key}: ${written(value, (each) => each)}`);
  const meant = keys.map(([key, value]) => `${key}: ${written(value, times255)}`);
  return `${texts.join(', ')}: at most 1, as for pixels from 0 to 1, but pixels are 0 to 255 here; on that scale: ${meant.join(', ')}`;
}

type Value = number | readonly number[] | string | null;

/** @param neutral what changes nothing */
function looksScaled(value: Value, neutral: number): boolean {
  if (value === null || typeof value === 'string') return false;
  const values = typeof value === 'number' ? [value] : value;
  return values.every((each) => Math.abs(each) <= 1) && values.some((each) => each !== neutral);
}

const times255 = (value: number): number => Number((255 * value).toFixed(3));

function written(value: Value, change: (each: number) => number): string {
  if (typeof value === 'number') return String(change(value));
  return Array.isArray(value) ? `[${value.map(change).join(', ')}]` : String(value);
}
