import { ConfigError } from '../errors.js';
import type { Path } from './path.js';

/** Plain YAML data: what the parser gives before validation. */
export type Yaml = null | boolean | number | string | Yaml[] | { [key: string]: Yaml };
export type YamlMap = { [key: string]: Yaml };

/** Keys of which a mapping has one or the other: stating one takes the base's other away. */
const alternatives = [
  ['epochs', 'steps'],
  ['downTo', 'layers'],
] as const;

const forbidden = new Set(['__proto__', 'constructor', 'prototype']);

export function isMap(value: Yaml | undefined): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list whose items are all mappings with a `name`: segments, losses. */
function isNamedList(value: Yaml | undefined): value is YamlMap[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isMap(item) && typeof item.name === 'string')
  );
}

/**
 * `derived` laid over `base`: mappings merge key by key, lists of named items (segments, losses) merge by name,
 * everything else is replaced. `null` deletes a key that the base has (another one stays, without a value), an item with
 * `remove: true` is dropped, and a mapping whose `type` or `kind` changes replaces the base's mapping as a whole. Of two
 * alternatives (epochs or steps) the stated one stays.
 */
export function merge(base: Yaml | undefined, derived: Yaml): Yaml {
  if (isMap(derived)) {
    const from = isMap(base) && !changesType(base, derived) ? base : {};
    const out: YamlMap = { ...from };
    for (const [one, other] of alternatives) {
      if (states(derived, one) && !states(derived, other)) delete out[other];
      if (states(derived, other) && !states(derived, one)) delete out[one];
    }
    for (const [key, value] of Object.entries(derived)) {
      if (forbidden.has(key)) throw new ConfigError(`"${key}" is not allowed as a key in a config`);
      if (value === null && isMap(base) && states(base, key)) delete out[key];
      else if (value === null) out[key] = null;
      else out[key] = merge(from[key], value);
    }
    return out;
  }
  if (isNamedList(derived)) return mergeNamed(isNamedList(base) ? base : [], derived);
  return Array.isArray(derived) ? derived.map((item) => merge(undefined, item)) : derived;
}

const states = (map: YamlMap, key: string): boolean => map[key] !== undefined && map[key] !== null;

function changesType(base: YamlMap, derived: YamlMap): boolean {
  return ['type', 'kind'].some((key) => derived[key] !== undefined && derived[key] !== base[key]);
}

function mergeNamed(base: YamlMap[], derived: YamlMap[]): Yaml[] {
  const out: Yaml[] = [...base];
  for (const item of derived) {
    const at = base.findIndex((candidate) => candidate.name === item.name);
    if (at < 0) out.push(merge(undefined, item));
    else out[at] = item.remove === true ? null : merge(base[at], item);
  }
  return out.filter((item) => item !== null);
}

/** List positions replaced by the items' names, which stay the same when files are merged. */
export function namesFor(path: Path, root: Yaml): Path {
  let at: Yaml | undefined = root;
  return path.map((key) => {
    const item: Yaml | undefined = Array.isArray(at)
      ? at[Number(key)]
      : isMap(at)
        ? at[String(key)]
        : undefined;
    const inList = Array.isArray(at);
    at = item;
    return inList && isMap(item) && typeof item.name === 'string' ? item.name : key;
  });
}
