import { isDeepStrictEqual } from 'node:util';
import type { ExperimentConfig } from './experiment-schema.js';

/** A key at which two configs differ. */
export interface Difference {
  /** `losses.auxiliary.weight`: items of lists by their names, as `--set` takes it. */
  readonly key: string;
  /** Undefined where one of them has no such key. */
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * Where two resolved configs differ: one entry for each value, for each named item that only one of them has, and for
 * each mapping that is of another type.
 */
export function differences(before: ExperimentConfig, after: ExperimentConfig): Difference[] {
  return compare('', before, after);
}

/** `losses.auxiliary.weight: 0.3 -> 1` */
export function describeDifference({ key, before, after }: Difference): string {
  return `${key}: ${brief(before)} -> ${brief(after)}`;
}

function compare(key: string, before: unknown, after: unknown): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [one, other] = [entriesOf(before), entriesOf(after)];
  if (!one || !other || one.named !== other.named || typeOf(before) !== typeOf(after)) {
    return [{ key, before, after }];
  }
  const names = new Set([...one.entries.keys(), ...other.entries.keys()]);
  const inside = [...names].flatMap((name) =>
    compare(key === '' ? name : `${key}.${name}`, one.entries.get(name), other.entries.get(name)),
  );
  if (inside.length > 0 || !one.named) return inside;
  return [{ key, before: one.order, after: other.order }]; // the same items in another order
}

interface Entries {
  entries: Map<string, unknown>;
  /** Whether they are items of a list, by name. */
  named: boolean;
  order: string[];
}

/** What is inside a mapping or a list of items; null for a plain value. Keys that are undefined are not there. */
function entriesOf(value: unknown): Entries | null {
  if (typeof value !== 'object' || value === null) return null;
  const named = Array.isArray(value) && value.length > 0 && value.every(isNamed);
  if (Array.isArray(value) && !named && !value.some(isObject)) return null;
  const pairs = named
    ? value.map((item) => [item.name, item] as const)
    : Object.entries(value).filter(([, item]) => item !== undefined);
  return { entries: new Map(pairs), named, order: pairs.map(([name]) => name) };
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const isNamed = (value: unknown): value is { name: string } =>
  isObject(value) && typeof (value as { name?: unknown }).name === 'string';

/** Of a mapping that is one of several kinds. */
function typeOf(value: unknown): unknown {
  const { type, kind } = value as { type?: unknown; kind?: unknown };
  return type ?? kind;
}

const LONGEST = 100;

function brief(value: unknown): string {
  const text = value === undefined ? 'none' : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
