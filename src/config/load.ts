import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { openRegular } from '../regular-file.js';
import { messageOf, systemFix } from '../system-error.js';
import { notUtf8, SAVE_AS_UTF8 } from '../text-encoding.js';
import { type ExperimentConfig, experimentSchema } from './experiment-schema.js';
import { expandHomes } from './file-paths.js';
import { expandHome } from './home.js';
import { describeIssues } from './issues.js';
import { withoutEmptyKeys } from './known-keys.js';
import { applyLayerDefaults } from './layer-defaults.js';
import { replacedAt } from './meant.js';
import { isMap, merge, namesFor, type Yaml, type YamlMap } from './merge.js';
import { overrideSource } from './overrides.js';
import type { Path } from './path.js';
import { type Expand, LARGEST_CONFIG, readSource } from './read-yaml.js';
import { ruleText } from './rule-text.js';
import type { ConfigSource } from './source.js';
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

function assemble(sources: ConfigSource[], overrides: readonly string[]): LoadedConfig {
  let merged: Yaml = {};
  for (const source of sources) merged = merge(merged, source.data);
  for (const override of overrides) {
    const source = overrideSource(override, merged);
    merged = merge(merged, source.data);
    sources.push(source);
  }
  return validate(applyLayerDefaults(withoutEmptyKeys(merged)), sources);
}

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

function validate(merged: Yaml, sources: readonly ConfigSource[]): LoadedConfig {
  const locate = (path: Path): string => {
    for (let length = path.length; length > 0; length--) {
      for (const source of [...sources].reverse()) {
        const position = source.position(namesFor(path.slice(0, length), merged));
        if (position !== undefined) return position;
      }
    }
    return sources.at(-1)?.label ?? 'config';
  };
  const result = experimentSchema.safeParse(merged, { error: ruleText });
  if (!result.success) {
    throw describeIssues(result.error, merged, {
      locate,
      source: (path) => {
        const names = namesFor(path, merged);
        return sources.map((source) => source.text(names)).findLast((text) => text !== undefined);
      },
      fits: (path, value) => {
        const { error } = experimentSchema.safeParse(replacedAt(merged, path, value));
        return !error?.issues.some(({ path: other }) => path.every((key, i) => other[i] === key));
      },
    });
  }
  const written = (path: Path): string | undefined =>
    sources.map(({ raw }) => textAt(raw, path)).findLast((text) => text !== undefined);
  return { config: deepFreeze(result.data), locate, written };
}

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

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item);
    Object.freeze(value);
  }
  return value;
}
