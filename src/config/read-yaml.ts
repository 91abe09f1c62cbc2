import {
  type Document,
  isScalar,
  isSeq,
  isMap as isYamlMap,
  LineCounter,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml';
import { ConfigError } from '../errors.js';
import { decimalComma } from './decimal-comma.js';
import { isMap, type Yaml, type YamlMap } from './merge.js';
import { checkDepth, checkNesting, tooDeep } from './nesting.js';
import type { Path } from './path.js';
import type { ConfigSource } from './source.js';

/** Characters; the largest config of the paper has 5,000. */
export const LARGEST_CONFIG = 256 * 1024;

/** What is done to a config's values once they are read. */
export type Expand = (data: YamlMap, label: string) => YamlMap;

/** @throws ConfigError naming file, line and column */
export function readSource(text: string, label: string, expanded: Expand): ConfigSource {
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
      const offset = nodeAt(document, path)?.offset;
      return offset === undefined ? undefined : place(offset);
    },
    text: (path) => sourceAt(document, path),
  };
}

/**
 * @param place how messages name an offset in the text
 * @throws ConfigError naming the place
 */
export function readYaml(
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
      merge: true, // keys `<<`
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

/** The value at `path` as it was written, where it is a single one. */
export function sourceAt(document: Document.Parsed, path: Path): string | undefined {
  const node = nodeAt(document, path)?.node;
  return isScalar(node) ? node.source : undefined;
}

/** The value at `path`, and the offset of its key (or list item) in the text; undefined if this file does not set it. */
function nodeAt(
  document: Document.Parsed,
  path: Path,
): { node: unknown; offset: number | undefined } | undefined {
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
  return { node, offset };
}

function invalid(label: string, error: unknown): ConfigError {
  // The parser goes down by recursion.
  if (error instanceof RangeError) return tooDeep(label);
  return new ConfigError(`${label}: not valid YAML: ${(error as Error).message}`);
}
