import { resolve } from 'node:path';
import type { ExperimentConfig } from './experiment-schema.js';
import { expandHome } from './home.js';
import { isMap, type Yaml, type YamlMap } from './merge.js';

/** Keys whose paths are relative to where relaybp is run. A run keeps them absolute, so that it works from anywhere. */
const FROM_HERE = [['data', 'root'], ['initialCheckpoint']] as const;
/** Keys whose paths are relative to another of the config. */
const FROM_ROOT = [
  ['data', 'train'],
  ['data', 'val'],
  ['data', 'roots', 'train'],
  ['data', 'roots', 'val'],
  ['data', 'classNames'],
] as const;
const PATHS: readonly (readonly string[])[] = [...FROM_HERE, ...FROM_ROOT];

/** Paths of a config as they were written before they became absolute, by key: `{'data.root': '~/photos'}`. */
export type WrittenPaths = Readonly<Record<string, string>>;

/** `~` and `~/…` become the user's home folder in every path of a config. @throws ConfigError for `~name` */
export function expandHomes(data: YamlMap, label: string): YamlMap {
  return PATHS.reduce((map, keys) => changed(map, keys, label), data);
}

function changed(map: YamlMap, [key, ...rest]: readonly string[], label: string): YamlMap {
  const value: Yaml | undefined = key === undefined ? undefined : map[key];
  if (key === undefined) return map;
  if (rest.length > 0) {
    return isMap(value) ? { ...map, [key]: changed(value, rest, label) } : map;
  }
  return typeof value === 'string' ? { ...map, [key]: expandHome(value, label) } : map;
}

/** The config with absolute paths, as a run keeps it. */
export function withAbsolutePaths(config: ExperimentConfig): ExperimentConfig {
  const { data, initialCheckpoint: begin } = config;
  return Object.freeze({
    ...config,
    data: Object.freeze({ ...data, root: resolve(data.root) }),
    ...(begin === undefined ? {} : { initialCheckpoint: resolve(begin) }),
  });
}

/**
 * How the paths that a run keeps absolute were written, where that was otherwise.
 *
 * @param config with absolute paths
 * @param written the text at a path; undefined where there is none
 * @param earlier of the run that goes on: those of paths that are still the same hold
 */
export function writtenPaths(
  config: ExperimentConfig,
  written: (path: readonly string[]) => string | undefined,
  earlier?: { config: ExperimentConfig; written: WrittenPaths },
): WrittenPaths {
  const notes = FROM_HERE.flatMap((path) => {
    const key = path.join('.');
    const now = valueAt(config, path);
    const text = written(path);
    if (text !== undefined && text !== now) return [[key, text] as const];
    const before = earlier?.written[key];
    const same = before !== undefined && valueAt(withAbsolutePaths(earlier!.config), path) === now;
    return same ? [[key, before] as const] : [];
  });
  return Object.fromEntries(notes);
}

const valueAt = (config: ExperimentConfig, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config);
