/** The keys that the schema knows, found by walking it beside the data. */
import type { z } from 'zod';
import { layerSchema } from './layers.js';
import { isMap, type Yaml, type YamlMap } from './merge.js';
import type { Path } from './path.js';

/** The keys of the mapping at `path`; of several forms those of the one that its `type` or `kind` chooses. */
export function validKeys(schema: z.ZodType, path: Path, root: Yaml): string[] {
  let schemas: z.core.$ZodType[] = unwrap(schema);
  let value: Yaml | undefined = root;
  for (const key of path) {
    schemas = within(schemas, key);
    value = valueAt(value, [key]);
  }
  return keysOf(schemas, value);
}

/** The kinds of layers. */
export const layerKinds = (): string[] => keysOf(unwrap(layerSchema), {});

/** Takes out keys without a value where the schema knows the key: they stand for its default. The others stay, as mistakes. */
export function withoutEmptyKeys(schema: z.ZodType, config: Yaml): Yaml {
  return pruned(config, unwrap(schema), []);
}

function pruned(value: Yaml, schemas: z.core.$ZodType[], path: readonly string[]): Yaml {
  if (Array.isArray(value)) {
    return value.map((item, i) => pruned(item, within(schemas, i), [...path, String(i)]));
  }
  if (!isMap(value)) return value;
  const isModel = path.length === 1 && path[0] === 'model';
  const known = new Set([...keysOf(schemas, value), ...(isModel ? ['defaults'] : [])]);
  const out: YamlMap = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null && known.has(key)) continue;
    // `model.defaults` is taken out before validation; it has the kinds of layers for keys.
    const inner = isModel && key === 'defaults' ? unwrap(layerSchema) : within(schemas, key);
    out[key] = pruned(item, inner, [...path, key]);
  }
  return out;
}

function keysOf(schemas: readonly z.core.$ZodType[], value: Yaml | undefined): string[] {
  const matches = (shape: z.core.$ZodShape): boolean =>
    ['type', 'kind'].every((key) => !shape[key] || allows(shape[key], valueAt(value, [key])));
  const shapes = schemas
    .map((schema) => (schema as z.core.$ZodObject)._zod.def)
    .filter((def) => def.type === 'object')
    .map((def) => def.shape);
  const matching = shapes.filter(matches);
  return [...new Set((matching.length > 0 ? matching : shapes).flatMap((s) => Object.keys(s)))];
}

export function valueAt(root: Yaml | undefined, path: Path): Yaml | undefined {
  let at: Yaml | undefined = root;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as { [key: string]: Yaml })[key];
  }
  return at;
}

/** Whether the `type` or `kind` of a mapping may be this; where it has a default it may be missing. */
function allows(schema: z.core.$ZodType, type: Yaml | undefined): boolean {
  if (type === undefined) return schema._zod.def.type === 'default';
  return unwrap(schema).some((inner) => {
    const def = inner._zod.def as { type: string; values?: unknown[] };
    return def.type !== 'literal' || def.values?.includes(type);
  });
}

const within = (schemas: readonly z.core.$ZodType[], key: string | number): z.core.$ZodType[] =>
  schemas.flatMap((schema) => step(schema, key)).flatMap(unwrap);

function step(schema: z.core.$ZodType, key: string | number): z.core.$ZodType[] {
  const def = schema._zod.def as {
    type: string;
    shape?: Record<string, z.core.$ZodType>;
    element?: z.core.$ZodType;
  };
  if (def.type === 'object')
    return def.shape && Object.hasOwn(def.shape, key) ? [def.shape[key]!] : [];
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
