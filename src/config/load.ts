import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { openRegular } from '../regular-file.js';
import { messageOf, systemFix } from '../system-error.js';
import { notUtf8, SAVE_AS_UTF8 } from '../text-encoding.js';
import { type ExperimentConfig, experimentSchema } from './experiment-schema.js';
import { expandHomes } from './file-paths.js';
import { expandHome } from './home.js';
import { withoutEmptyKeys } from './known-keys.js';
import { applyLayerDefaults } from './layer-defaults.js';
import { isMap, merge, type Yaml, type YamlMap } from './merge.js';
import { overrideSource, settingSource } from './overrides.js';
import type { Path } from './path.js';
import { type Expand, LARGEST_CONFIG, readSource } from './read-yaml.js';
import type { ConfigSource } from './source.js';
import { validated } from './validate.js';
import { expandVariables } from './variables.js';

/** A validated config, and where each of its keys was written, for messages. */
export interface LoadedConfig {
  /** Deeply frozen; every default filled in. */
  readonly config: ExperimentConfig;
  /** Where the value at `path` was set: `configs/a.yaml:12:5`, `--set training.steps=3`, or the main file. */
  locate(path: Path): string;
  /** The text at `path` as it was written, before variables and `~` were expanded; undefined where there is none. */
  written(path: Path): string | undefined;
}

/** Configs that one is made of, each counted as often as it is laid over others. */
const MOST_SOURCES = 1000;

/**
 * Reads a config file with everything it extends, lays `--set` overrides over it, and validates the result.
 *
 * @param overrides `a.b.c=value`, the value in YAML; items of segments and losses are addressed by name or index.
 * @throws ConfigError naming file, position, key path, value, rule and the nearest valid key.
 */
export function loadConfig(file: string, overrides: readonly string[] = []): LoadedConfig {
  return assemble([...readSources(resolve(file))], overrides);
}

/** What is laid over what comes before it: a config with all that it extends, or a value at a key path. */
export type ConfigLayer =
  | { readonly file: string }
  | {
      readonly key: string;
      readonly value: Yaml;
      /** Where it is written. */
      readonly label: string;
    };

/**
 * As `loadConfig`, of configs and values in any order.
 *
 * @throws ConfigError as `loadConfig`
 */
export function loadLayers(layers: readonly ConfigLayer[]): LoadedConfig {
  return assembleSteps(
    layers.map((layer) =>
      'file' in layer
        ? () => readSources(resolve(layer.file))
        : (merged) => [settingSource(layer, merged)],
    ),
  );
}

function assemble(sources: readonly ConfigSource[], overrides: readonly string[]): LoadedConfig {
  return assembleSteps([
    () => sources,
    ...overrides.map((override) => (merged: Yaml) => [overrideSource(override, merged)]),
  ]);
}

/** @param steps each is given what comes of those before it */
function assembleSteps(
  steps: readonly ((merged: Yaml) => readonly ConfigSource[])[],
): LoadedConfig {
  let merged: Yaml = {};
  const sources: ConfigSource[] = [];
  for (const step of steps) {
    for (const source of step(merged)) {
      merged = merge(merged, source.data);
      sources.push(source);
    }
  }
  const whole = applyLayerDefaults(withoutEmptyKeys(experimentSchema, merged));
  const { data, locate } = validated(experimentSchema, whole, sources);
  const written = (path: Path): string | undefined =>
    sources.map(({ raw }) => textAt(raw, path)).findLast((text) => text !== undefined);
  return { config: data, locate, written };
}

/** One file that is no config of an experiment, with its variables and its home folders expanded. */
export const readSourceFile = (file: string): ConfigSource => {
  const label = labelOf(resolve(file));
  return readSource(readConfig(file, label), label, expand);
};

/** As `loadConfig`, from text. */
export function parseConfig(
  text: string,
  label: string,
  overrides: readonly string[] = [],
): LoadedConfig {
  return assemble([readSource(text, label, expand)], overrides);
}

/**
 * A resolved config with overrides laid over it. It is data: nothing in it is expanded, whatever it looks like; a home
 * folder in an override is.
 *
 * @param label where the config is from, for messages
 * @throws ConfigError as `loadConfig`
 */
export function withOverrides(
  config: ExperimentConfig,
  label: string,
  overrides: readonly string[] = [],
): LoadedConfig {
  const data = structuredClone(config) as unknown as YamlMap;
  return assemble([{ label, data, raw: data, position: nowhere, text: nowhere }], overrides);
}

/** The config that a run folder holds, with overrides laid over it: like `withOverrides`, from a file. */
export function loadSavedConfig(file: string, overrides: readonly string[] = []): LoadedConfig {
  const label = labelOf(file);
  return assemble([readSource(readConfig(file, label, ''), label, asItIs)], overrides);
}

const nowhere = (): undefined => undefined;

function textAt(data: Yaml, path: Path): string | undefined {
  const value = path.reduce<Yaml | undefined>(
    (at, key) => (isMap(at) ? at[String(key)] : undefined),
    data,
  );
  return typeof value === 'string' ? value : undefined;
}

/**
 * A config and what it extends, in the order in which one is laid over the other: a base that two of them extend
 * comes with each of them, but is read once.
 *
 * @param chain the configs that lead here
 * @param known what was read already, by path
 */
function readSources(
  file: string,
  chain: readonly string[] = [],
  known = new Map<string, readonly ConfigSource[]>(),
): readonly ConfigSource[] {
  const label = labelOf(file);
  if (chain.includes(file)) {
    throw new ConfigError(
      `${label}: "extends" goes round in a circle: ${[...chain, file].join(' -> ')}`,
    );
  }
  const before = known.get(file);
  if (before) return before;
  const from =
    chain.length > 0 ? ` (extended by ${relative(process.cwd(), chain.at(-1)!)})` : undefined;
  const source = readSource(readConfig(file, label, from), label, expand);
  const { extends: bases, ...data } = source.data;
  source.data = data;
  const paths = Array.isArray(bases) ? bases : bases === undefined ? [] : [bases];
  const found = [
    ...paths.flatMap((base) => {
      if (typeof base === 'string')
        return readSources(
          resolve(dirname(file), expandHome(base, label)),
          [...chain, file],
          known,
        );
      throw new ConfigError(
        `${label}: extends: a path to another config, or a list of paths, is needed, not ${JSON.stringify(base)}`,
      );
    }),
    source,
  ];
  if (found.length > MOST_SOURCES) {
    throw new ConfigError(
      `${label}: extends: ${found.length} configs would be laid over each other, ${MOST_SOURCES} are the most`,
      'let fewer of them extend several that extend the same ones',
    );
  }
  known.set(file, found);
  return found;
}

/** Of a config that the user names. */
const expand: Expand = (data, label) => expandHomes(expandVariables(data, label) as YamlMap, label);
const asItIs: Expand = (data) => data;

const labelOf = (file: string): string => relative(process.cwd(), file) || file;

/**
 * @param from what names the file, for the message; undefined for one that the user names, which may be a pipe
 */
function readConfig(file: string, label: string, from?: string): string {
  let bytes: Buffer;
  try {
    bytes = readBytes(from === undefined ? openSync(file, 'r') : openRegular(file));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ConfigError(
      `${label}: cannot read this config${from ?? ''}: ${messageOf(error)}`,
      (missing ? undefined : systemFix(error)) ?? 'check the path',
    );
  }
  const problem = bytes.length > LARGEST_CONFIG ? null : notUtf8(bytes);
  if (problem !== null) throw new ConfigError(`${label}: ${problem}`, SAVE_AS_UTF8);
  return bytes.toString('utf8');
}

/** At most a little more than a config may have, whatever the file is (`/dev/zero` say). */
function readBytes(descriptor: number): Buffer {
  const bytes = Buffer.allocUnsafe(LARGEST_CONFIG + 4);
  try {
    let size = 0;
    for (let got = -1; got !== 0 && size < bytes.length; size += got) {
      got = readSync(descriptor, bytes, size, bytes.length - size, null);
    }
    return bytes.subarray(0, size);
  } finally {
    closeSync(descriptor);
  }
}
