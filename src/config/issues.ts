import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { ConfigError } from '../errors.js';
import { isMap, type Yaml } from './merge.js';
import { experimentSchema } from './schema.js';

export type Path = readonly (string | number)[];

/** `losses[0].range.downTo` */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`,
    '',
  );
}

/** Turns what the schema found into one ConfigError: a line per problem with place, key path, value and rule. */
export function describeIssues(
  error: z.ZodError,
  root: Yaml,
  locate: (path: Path) => string,
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
          return `${locate(at)}: ${formatPath(at)}: unknown key${suggest(key, path, root)}`;
        });
      }
      const value = valueAt(root, path);
      const given = value === undefined ? 'missing' : `${JSON.stringify(value).slice(0, 80)}`;
      return [`${locate(path)}: ${formatPath(path)}: ${given}: ${issue.message}`];
    });
  return new ConfigError(lines.join('\n'));
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

function valueAt(root: Yaml | undefined, path: Path): Yaml | undefined {
  let at: Yaml | undefined = root;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as { [key: string]: Yaml })[key];
  }
  return at;
}

function suggest(key: string, path: Path, root: Yaml): string {
  const valid = validKeys(path, root);
  if (valid.length === 0) return '';
  const away = (other: string): number =>
    key.startsWith(other) || other.startsWith(key) ? 0 : distance(key, other);
  const [nearest] = [...valid].sort((a, b) => away(a) - away(b));
  const close = nearest !== undefined && away(nearest) <= Math.max(2, key.length / 3);
  return close ? `; did you mean "${nearest}"?` : `; valid keys here: ${valid.join(', ')}`;
}

/** The keys that the schema knows at `path`, found by walking the schema beside the data. */
function validKeys(path: Path, root: Yaml): string[] {
  let schemas: z.core.$ZodType[] = unwrap(experimentSchema);
  let value: Yaml | undefined = root;
  for (const key of path) {
    schemas = schemas.flatMap((schema) => step(schema, key)).flatMap(unwrap);
    value = valueAt(value, [key]);
  }
  const matches = (shape: z.core.$ZodShape): boolean =>
    ['type', 'kind'].every((key) => !shape[key] || allows(shape[key], valueAt(value, [key])));
  const shapes = schemas
    .map((schema) => (schema as z.core.$ZodObject)._zod.def)
    .filter((def) => def.type === 'object')
    .map((def) => def.shape);
  const matching = shapes.filter(matches);
  return [...new Set((matching.length > 0 ? matching : shapes).flatMap((s) => Object.keys(s)))];
}

/** Whether the `type` or `kind` of a mapping may be this; where it has a default it may be missing. */
function allows(schema: z.core.$ZodType, type: Yaml | undefined): boolean {
  if (type === undefined) return schema._zod.def.type === 'default';
  return unwrap(schema).some((inner) => {
    const def = inner._zod.def as { type: string; values?: unknown[] };
    return def.type !== 'literal' || def.values?.includes(type);
  });
}

function step(schema: z.core.$ZodType, key: string | number): z.core.$ZodType[] {
  const def = schema._zod.def as {
    type: string;
    shape?: Record<string, z.core.$ZodType>;
    element?: z.core.$ZodType;
  };
  if (def.type === 'object') return def.shape?.[key] ? [def.shape[key]] : [];
  if (def.type === 'array' && def.element) return [def.element];
  return [];
}

/** Looks through optional, default, lazy, union and transform wrappers. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  const def = schema._zod.def as {
    type: string;
    innerType?: z.core.$ZodType;
    options?: z.core.$ZodType[];
    getter?: () => z.core.$ZodType;
    in?: z.core.$ZodType;
  };
  if (def.innerType) return unwrap(def.innerType);
  if (def.options) return def.options.flatMap(unwrap);
  if (def.getter) return unwrap(def.getter());
  if (def.type === 'pipe' && def.in) return unwrap(def.in);
  return [schema];
}
