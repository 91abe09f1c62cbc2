import type { Values } from './study-schema.js';

/** `lr` of `optimizer.lr`, where that says which. */
export function shortKey(key: string, values: Values): string {
  const last = (path: string): string => path.split('.').at(-1)!;
  const same = Object.keys(values).filter((other) => last(other) === last(key));
  return same.length > 1 ? key : last(key);
}

/** `lr 0.01` */
export const valuesText = (values: Values): string =>
  Object.entries(values)
    .map(([key, value]) => `${shortKey(key, values)} ${value}`)
    .join(', ');
