/** What a value that YAML has read as another type was most likely meant to be. */
import { isMap, type Yaml } from './merge.js';
import type { Path } from './path.js';

/** YAML 1.1 took these for true and false; YAML 1.2 takes them for text. */
const TRUE = /^(true|yes|y|on)$/i;
const FALSE = /^(false|no|n|off)$/i;
const NUMBER = /^[-+]?(\d[\d_]*)?(\.\d+)?(e[-+]?\d+)?$/i;

/**
 * `; write true` for `yes`, `; in quotes: "007"` where text is wanted; '' if there is nothing of the kind to say.
 *
 * @param source the value as the file has it; undefined where that is not known
 * @param fits whether another value would do in its place
 */
export function meant(
  value: Yaml | undefined,
  source: string | undefined,
  fits: (value: Yaml) => boolean,
): string {
  if (source?.includes('${')) return ''; // what is filled in there is always text
  if (typeof value !== 'string') {
    const isScalar = typeof value === 'number' || typeof value === 'boolean';
    if (!isScalar && source !== '~') return '';
    const text = source ?? String(value);
    return fits(text) ? `; in quotes: ${JSON.stringify(text)}` : '';
  }
  const truth = TRUE.test(value) ? true : FALSE.test(value) ? false : null;
  if (truth !== null && fits(truth)) return `; write ${truth}`;
  const number = /\d/.test(value) && NUMBER.test(value) ? Number(value.replaceAll('_', '')) : null;
  return number !== null && fits(number) ? `; write ${number}` : '';
}

/** The same data with another value at a path that is there, or whose last key is missing. */
export function replacedAt(data: Yaml | undefined, [key, ...rest]: Path, value: Yaml): Yaml {
  if (key === undefined) return value;
  if (Array.isArray(data)) {
    return data.map((item, i) => (i === Number(key) ? replacedAt(item, rest, value) : item));
  }
  const map = isMap(data) ? data : {};
  return { ...map, [key]: replacedAt(map[String(key)], rest, value) };
}
