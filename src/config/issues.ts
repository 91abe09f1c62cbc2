import type { z } from 'zod';
import { ConfigError } from '../errors.js';
import { nearest } from '../near.js';
import { decimalPoint } from './decimal-comma.js';
import { validKeys, valueAt } from './known-keys.js';
import { meant } from './meant.js';
import { isMap, type Yaml } from './merge.js';
import type { Path } from './path.js';

/** `losses[0].range.downTo` */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`,
    '',
  );
}

/** What is known of the values beside the values themselves. */
export interface Origins {
  /** What they are to be. */
  readonly schema: z.ZodType;
  /** Where the value at `path` was set. */
  locate(path: Path): string;
  /** The value there as the file has it, where it is a single one. */
  source(path: Path): string | undefined;
  /** Whether another value would do there. */
  fits(path: Path, value: Yaml): boolean;
}

/** Turns what the schema found into one ConfigError: a line per problem with place, key path, value and rule. */
export function describeIssues(
  error: z.ZodError,
  root: Yaml,
  { schema, locate, source, fits }: Origins,
): ConfigError {
  const issues = error.issues.flatMap((issue) => withinUnion(issue, root));
  const unknown = issues.filter((issue) => issue.code === 'unrecognized_keys');
  const isEcho = (issue: z.core.$ZodIssue): boolean =>
    issue.code === 'custom' && unknown.some((other) => other.path.join() === issue.path.join());
  const lines = issues
    .filter((issue) => !isEcho(issue))
    .flatMap((issue) => {
      const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => {
          const at = [...path, key];
          return `${locate(at)}: ${formatPath(at)}: unknown key${suggest(schema, key, path, root)}`;
        });
      }
      const value = valueAt(root, path);
      const text = source(path);
      const help = decimalPoint(value) || meant(value, text, (other) => fits(path, other));
      const given = help !== '' && typeof value !== 'string' ? text : undefined;
      const what = given ?? (value === undefined ? 'missing' : shown(value));
      return [`${locate(path)}: ${formatPath(path)}: ${what}: ${issue.message}${help}`];
    });
  return new ConfigError(lines);
}

/** Of a mapping where a union allows one among other forms: what is wrong inside it, not that no form fits. */
function withinUnion(issue: z.core.$ZodIssue, root: Yaml): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || !isMap(valueAt(root, issue.path as Path))) return [issue];
  const inside = issue.errors.find((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  if (!inside) return [issue];
  return inside.flatMap((inner) =>
    withinUnion({ ...inner, path: [...issue.path, ...inner.path] }, root),
  );
}

function suggest(schema: z.ZodType, key: string, path: Path, root: Yaml): string {
  const valid = validKeys(schema, path, root);
  if (valid.length === 0) return '';
  const near = nearest(key, valid);
  return near === undefined
    ? `; valid keys here: ${valid.join(', ')}`
    : `; did you mean "${near}"?`;
}

/** A value as YAML has it, shortened. */
function shown(value: Yaml): string {
  if (typeof value === 'number') return String(value); // JSON has no infinity
  return JSON.stringify(value).slice(0, 80);
}
