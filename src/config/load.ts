import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import {
  Document,
  isScalar,
  isSeq,
  isMap as isYamlMap,
  LineCounter,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml';
import { ConfigError } from '../errors.js';
import { openRegular } from '../regular-file.js';
import { messageOf, systemFix } from '../system-error.js';
import { escapeSteering, isVisible } from '../visible.js';
import { decimalComma } from './decimal-comma.js';
import { expandHomes, type WrittenPaths } from './file-paths.js';
import { expandHome } from './home.js';
import { describeIssues } from './issues.js';
import { withoutEmptyKeys } from './known-keys.js';
import { applyLayerDefaults } from './layer-defaults.js';
import { isMap, merge, type Yaml, type YamlMap } from './merge.js';
import { checkDepth, checkNesting, tooDeep } from './nesting.js';
import type { Path } from './path.js';
import { ruleText } from './rule-text.js';
import { type ExperimentConfig, experimentSchema } from './schema.js';
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

interface Source {
  label: string;
  data: YamlMap;
  /** `data` as it was written. */
  raw: YamlMap;
  position(path: Path): string | undefined;
}

/** Configs that one is made of, each counted as often as it is laid over others. */
const MOST_SOURCES = 1000;
/** Characters; the largest config of the paper has 5,000. */
const LARGEST_CONFIG = 256 * 1024;

/**
 * Reads a config file with everything it extends, lays `--set` overrides over it, and validates the result.
 *
 * @param overrides `a.b.c=value`, the value in YAML; items of segments and losses are addressed by name or index.
 * @throws ConfigError naming file, position, key path, value, rule and the nearest valid key.
 */
export function loadConfig(file: string, overrides: readonly string[] = []): LoadedConfig {
  return assemble([...readSources(resolve(file))], overrides);
}

function assemble(sources: Source[], overrides: readonly string[]): LoadedConfig {
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
 * A resolved config that was saved in a run folder or a checkpoint, with overrides laid over it. It is data: nothing
 * in it is expanded, whatever it looks like.
 */
export function parseSavedConfig(
  text: string,
  label: string,
  overrides: readonly string[] = [],
): LoadedConfig {
  return assemble([readSource(text, label, asItIs)], overrides);
}

/** As `parseSavedConfig`, from a file. */
export function loadSavedConfig(file: string, overrides: readonly string[] = []): LoadedConfig {
  const label = labelOf(file);
  return assemble([readSource(readConfig(file, label, ''), label, asItIs)], overrides);
}

/**
 * The resolved config as YAML that loads again to the same config.
 *
 * @param written how paths were written, as comments beside them
 */
export function printConfig(config: ExperimentConfig, written: WrittenPaths = {}): string {
  const document = new Document(config, { aliasDuplicateObjects: false });
  for (const [key, text] of Object.entries(written)) {
    const node = document.getIn(key.split('.'), true);
    if (isScalar(node)) node.comment = ` as written: ${JSON.stringify(text)}`;
  }
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && !isVisible(scalar.value)) {
        scalar.type = 'QUOTE_DOUBLE';
      }
    },
  });
  const text = document.toString({
    lineWidth: 100,
    flowCollectionPadding: false,
    doubleQuotedMinMultiLineLength: LARGEST_CONFIG, // a line end is written as such
  });
  return escapeSteering(text);
}

function validate(merged: Yaml, sources: readonly Source[]): LoadedConfig {
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
  if (!result.success) throw describeIssues(result.error, merged, locate);
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

/** List positions replaced by the items' names, which stay the same when files are merged. */
function namesFor(path: Path, root: Yaml): Path {
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
  known = new Map<string, readonly Source[]>(),
): readonly Source[] {
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

const labelOf = (file: string): string => relative(process.cwd(), file) || file;

/**
 * @param from what names the file, for the message; undefined for one that the user names, which may be a pipe
 */
function readConfig(file: string, label: string, from?: string): string {
  try {
    return readText(from === undefined ? openSync(file, 'r') : openRegular(file));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ConfigError(
      `${label}: cannot read this config${from ?? ''}: ${messageOf(error)}`,
      (missing ? undefined : systemFix(error)) ?? 'check the path',
    );
  }
}

/** At most a little more than a config may have, whatever the file is (`/dev/zero` say). */
function readText(descriptor: number): string {
  const bytes = Buffer.allocUnsafe(LARGEST_CONFIG + 4);
  try {
    let size = 0;
    for (let got = -1; got !== 0 && size < bytes.length; size += got) {
      got = readSync(descriptor, bytes, size, bytes.length - size, null);
    }
    return bytes.toString('utf8', 0, size);
  } finally {
    closeSync(descriptor);
  }
}

type Expand = (data: YamlMap, label: string) => YamlMap;
/** Of a config that the user names. */
const expand: Expand = (data, label) => expandHomes(expandVariables(data, label) as YamlMap, label);
const asItIs: Expand = (data) => data;

function readSource(text: string, label: string, expanded: Expand): Source {
  if (text.length > LARGEST_CONFIG) {
    throw new ConfigError(`${label}: a config has at most ${LARGEST_CONFIG} characters`);
  }
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${label}:${line}:${col}`;
  };
  const { document, data } = readYaml(text, label, place, lines);
  if (!isMap(data))
    throw new ConfigError(`${label}: a config is a YAML mapping (version: 1, name: …)`);
  return {
    label,
    data: expanded(data, label),
    raw: data,
    position: (path) => {
      const offset = nodeAt(document, path);
      return offset === undefined ? undefined : place(offset);
    },
  };
}

/**
 * @param place how messages name an offset in the text
 * @throws ConfigError naming the place
 */
function readYaml(
  text: string,
  label: string,
  place: (offset: number) => string,
  lineCounter?: LineCounter,
): { document: Document.Parsed; data: Yaml } {
  checkNesting(text, label);
  try {
    const document = parseDocument(text, {
      lineCounter,
      prettyErrors: false, // each would be looked for in the text; only the first is told
      stringKeys: true,
      uniqueKeys: false, // its check takes the square of the number of keys; `checkKeys` does not
    });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem) {
      throw new ConfigError(
        `${place(problem.pos[0])}: not valid YAML: ${problem.message.trim().slice(0, 200)}`,
      );
    }
    checkKeys(document, place);
    return { document, data: checkDepth(document.toJS() as Yaml, label) };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw invalid(label, error);
  }
}

/** @throws ConfigError if a mapping has a key twice, or one that is the fraction of a number with a decimal comma */
function checkKeys(document: Document.Parsed, place: (offset: number) => string): void {
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const [i, pair] of items.entries()) {
        const name = String(pair.key);
        const at = (): string => place((pair.key as Scalar).range?.[0] ?? 0);
        const comma = decimalComma(pair, items[i - 1]);
        if (comma) {
          const { key, written, meant } = comma;
          throw new ConfigError(
            `${at()}: ${key}: ${written}: a decimal comma: in YAML it ends the number, and ${JSON.stringify(name)} is a key without a value`,
            `write it with a decimal point, ${key}: ${meant}`,
          );
        }
        if (seen.has(name)) {
          throw new ConfigError(
            `${at()}: the key ${JSON.stringify(name)} is there twice in the same mapping`,
            'remove one of the two',
          );
        }
        seen.add(name);
      }
    },
  });
}

/** The offset of the key (or list item) at `path` in the text, or undefined if this file does not set it. */
function nodeAt(document: Document.Parsed, path: Path): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const key of path) {
    if (isYamlMap(node)) {
      const pair = node.items.find(({ key: k }) => String(k) === String(key));
      if (!pair) return undefined;
      offset = (pair.key as { range?: [number, number, number] }).range?.[0];
      node = pair.value;
    } else if (isSeq(node)) {
      const items = node.items;
      const item: unknown =
        typeof key === 'number'
          ? items[key]
          : items.find((candidate) => isYamlMap(candidate) && candidate.get('name') === key);
      if (item === undefined) return undefined;
      offset = (item as { range?: [number, number, number] }).range?.[0];
      node = item;
    } else return undefined;
  }
  return offset;
}

function invalid(label: string, error: unknown): ConfigError {
  // The parser goes down by recursion.
  if (error instanceof RangeError) return tooDeep(label);
  return new ConfigError(`${label}: not valid YAML: ${(error as Error).message}`);
}

/** `--set a.b.c=value` as a source that sets just that key. */
function overrideSource(override: string, merged: Yaml): Source {
  const label = `--set ${override}`;
  const equals = override.indexOf('=');
  if (equals <= 0) throw new ConfigError(`${label}: write it as key.path=value`);
  const keys = override.slice(0, equals).split('.');
  const { data: value } = readYaml(override.slice(equals + 1), label, () => label);
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

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item);
    Object.freeze(value);
  }
  return value;
}
