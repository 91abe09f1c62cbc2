import { z } from 'zod';
import { experimentSchema } from './experiment-schema.js';

/** The parts of JSON Schema (draft 7) that occur here. */
export interface JsonSchema {
  $schema?: string;
  $ref?: string;
  title?: string;
  description?: string;
  default?: unknown;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  minProperties?: number;
  maxProperties?: number;
  items?: JsonSchema | JsonSchema[];
  minItems?: number;
  maxItems?: number;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  definitions?: Record<string, JsonSchema>;
}

/** The schema of a whole config, as the user writes it: keys with a default are not required. */
export function completeSchema(): JsonSchema {
  const result = jsonSchemaOf(experimentSchema);
  Object.assign(result.definitions!.layer!, { minProperties: 1, maxProperties: 1 });
  return result;
}

/** JSON Schema of what a user writes. */
export function jsonSchemaOf(whole: z.ZodType): JsonSchema {
  const schema = z.toJSONSchema(whole, { io: 'input', target: 'draft-7' }) as JsonSchema;
  const definitions = schema.definitions ?? {};
  const isAlias = (name: string): boolean => /^__schema\d+$/.test(name);
  /** zod puts a nameless definition between a lazy reference and what it refers to. */
  const direct = (ref: string): string => {
    const name = ref.slice('#/definitions/'.length);
    const target = definitions[name]?.allOf?.[0]?.$ref ?? definitions[name]?.$ref;
    return isAlias(name) && target ? target : ref;
  };
  const result = mapSchemas(schema, (part) => {
    const { $ref, minimum, maximum, default: preset, ...rest } = part;
    if (isOpen(rest.additionalProperties)) delete rest.additionalProperties;
    return {
      ...rest,
      ...($ref !== undefined && { $ref: direct($ref) }),
      ...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER && { minimum }),
      ...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && { maximum }),
      ...(preset !== undefined && !isEmptyObject(preset) && { default: preset }),
    };
  });
  for (const name of Object.keys(result.definitions ?? {})) {
    if (isAlias(name)) delete result.definitions![name];
  }
  return result;
}

/**
 * The schema of a config *file*, for editors and other tools. A file may extend others and state differences only, so
 * nothing is required but the names of segments and losses; `null` deletes a key, `remove: true` an item, and text may
 * come from the environment. What only holds for the whole config (required keys, sizes that fit) is `relaybp plan`'s
 * to check.
 */
export function fileSchema(): JsonSchema {
  const complete = completeSchema();
  const layer = complete.definitions!.layer!;
  const loose = mapSchemas(complete, (part) => {
    const { required: _, oneOf, ...rest } = part;
    const out: JsonSchema = { ...rest, ...(oneOf && { anyOf: oneOf }) };
    if (part.pattern !== undefined) out.pattern = `${part.pattern}|${VARIABLE}`;
    if (part.properties && part.maxProperties !== 1) {
      out.properties = Object.fromEntries(
        Object.entries(part.properties).map(([key, value]) => [key, orNull(value)]),
      );
    }
    return out;
  });
  const { model, losses } = loose.properties!;
  for (const list of [model!.properties!.segments!, losses!]) {
    const item = list.items as JsonSchema;
    item.required = ['name'];
    item.properties!.name = withoutNull(item.properties!.name!);
    item.properties!.remove = {
      const: true,
      description: 'Drops the item of this name that comes from the config that this one extends.',
    };
  }
  model!.properties!.defaults = {
    type: 'object',
    description:
      'Options for every layer of a kind, in segments and heads, for instance {conv: {bias: false}}; what a layer says itself wins.',
    properties: defaultsOf(loose.definitions!.layer!, layer),
    additionalProperties: false,
  };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'relaybp config, version 1',
    description: 'An experiment for relaybp, or a part of one.',
    ...loose,
    properties: {
      extends: {
        anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
        description:
          'Another config, or a list of them (the later over the earlier), relative to this file. This file then states differences only.',
      },
      ...loose.properties,
    },
  };
}

/** Text that `${NAME}` or `${NAME:-default}` fills in. */
const VARIABLE = '\\$\\{\\w+';

/** `model.defaults` names kinds whose options are a mapping. */
function defaultsOf(loose: JsonSchema, complete: JsonSchema): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(loose.properties!).filter(
      ([kind]) => complete.properties![kind]!.properties !== undefined,
    ),
  );
}

const isOpen = (additional: JsonSchema['additionalProperties']): boolean =>
  typeof additional === 'object' && Object.keys(additional).length === 0;

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.keys(value).length === 0
    : false;

/** The same schema that also takes null, and an enumeration also text from the environment. */
function orNull(schema: JsonSchema): JsonSchema {
  const { description, title, default: preset, ...rest } = schema;
  const about = {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(preset !== undefined && { default: preset }),
  };
  if (rest.enum) {
    return { ...about, anyOf: [rest, { type: 'string', pattern: VARIABLE }, { type: 'null' }] };
  }
  if (rest.const !== undefined) return schema;
  if (typeof rest.type === 'string') return { ...about, ...rest, type: [rest.type, 'null'] };
  if (rest.anyOf && Object.keys(rest).length === 1) {
    const named = rest.anyOf.some((form) => form.enum);
    const variable = named ? [{ type: 'string', pattern: VARIABLE }] : [];
    return { ...about, anyOf: [...rest.anyOf, ...variable, { type: 'null' }] };
  }
  return { ...about, anyOf: [rest, { type: 'null' }] };
}

function withoutNull(schema: JsonSchema): JsonSchema {
  const { type, ...rest } = schema;
  return { ...rest, type: (type as string[]).filter((one) => one !== 'null')[0]! };
}

/** Applies `change` to a schema and all within it, from the inside out. */
export function mapSchemas(
  schema: JsonSchema,
  change: (schema: JsonSchema) => JsonSchema,
): JsonSchema {
  const one = (part: JsonSchema): JsonSchema => mapSchemas(part, change);
  const named = (parts: Record<string, JsonSchema>): Record<string, JsonSchema> =>
    Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, one(part)]));
  const out: JsonSchema = { ...schema };
  for (const key of ['properties', 'definitions'] as const) {
    if (out[key]) out[key] = named(out[key]);
  }
  for (const key of ['anyOf', 'oneOf', 'allOf'] as const) {
    if (out[key]) out[key] = out[key].map(one);
  }
  if (Array.isArray(out.items)) out.items = out.items.map(one);
  else if (out.items) out.items = one(out.items);
  if (typeof out.additionalProperties === 'object') {
    out.additionalProperties = one(out.additionalProperties);
  }
  return change(out);
}
