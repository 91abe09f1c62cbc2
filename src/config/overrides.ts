import { ConfigError } from '../errors.js';
import { expandHomes } from './file-paths.js';
import { isMap, merge, namesFor, type Yaml, type YamlMap } from './merge.js';
import { checkDepth } from './nesting.js';
import { readYaml, sourceAt } from './read-yaml.js';
import type { ConfigSource } from './source.js';

/** `--set a.b.c=value` as a source that sets just that key. */
export function overrideSource(override: string, merged: Yaml): ConfigSource {
  const label = `--set ${override}`;
  const equals = override.indexOf('=');
  if (equals <= 0) throw new ConfigError(`${label}: write it as key.path=value`);
  const key = override.slice(0, equals);
  const { document, data: value } = readYaml(override.slice(equals + 1), label, () => label);
  const source = settingSource({ key, value, label }, merged);
  const names = namesFor(key.split('.'), merged).map(String);
  return {
    ...source,
    text: (path) =>
      startsWith(path.map(String), names)
        ? sourceAt(document, path.slice(names.length))
        : undefined,
  };
}

/**
 * A source that sets just one key.
 *
 * @param setting the key path as `--set` takes it; the label stands for its place in messages
 */
export function settingSource(
  { key, value, label }: { key: string; value: Yaml; label: string },
  merged: Yaml,
): ConfigSource {
  const keys = key.split('.');
  const data = nest(keys, value, merged, label);
  checkDepth(data, label);
  if (!isMap(data))
    throw new ConfigError(`${label}: a key path starts with a key, not a list position`);
  const names = namesFor(keys, merged).map(String);
  return {
    label,
    data: expandHomes(data, label),
    raw: data,
    position: (path) =>
      startsWith(path.map(String), names) || startsWith(names, path.map(String))
        ? label
        : undefined,
    text: () => undefined,
  };
}

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.every((key, i) => path[i] === key);

function nest(keys: readonly string[], value: Yaml, at: Yaml | undefined, label: string): Yaml {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (!Array.isArray(at))
    return { [key]: nest(rest, value, isMap(at) ? at[key] : undefined, label) };
  const index = at.findIndex((item, i) => (isMap(item) && item.name === key) || String(i) === key);
  if (index < 0) {
    const names = at.map((item, i) =>
      isMap(item) && typeof item.name === 'string' ? item.name : i,
    );
    throw new ConfigError(`${label}: no item "${key}" in this list; it has ${names.join(', ')}`);
  }
  const inner = nest(rest, value, at[index], label);
  // A named item is stated by its differences, so that null deletes; another list is replaced as a whole.
  if (isMap(inner) && at.every((item) => isMap(item) && typeof item.name === 'string')) {
    const name = (at[index] as YamlMap).name ?? null;
    if (inner.name === undefined) return [{ ...inner, name }];
    if (inner.name !== name) {
      throw new ConfigError(
        `${label}: the name of "${name}" is what the item is known by: under another one it would be a second item`,
        'change the name in the file',
      );
    }
  }
  return at.map((item, i) => (i === index ? merge(item, inner) : item));
}
