import { completeSchema, type JsonSchema } from './json-schema.js';

/** A key with a single value, as `--set` addresses it. */
export interface ScalarKey {
  /** `training.batchSize` */
  path: string;
  about: string;
  /** Where only these are allowed. */
  values: readonly string[];
}

/** Every key that is not inside a list: those of segments and losses are addressed by names that a config chooses. */
export function scalarKeys(): ScalarKey[] {
  const found = new Map<string, ScalarKey>();
  const visit = (schema: JsonSchema, path: string): void => {
    for (const [key, part] of Object.entries(schema.properties ?? {})) {
      const at = path === '' ? key : `${path}.${key}`;
      const forms = formsOf(part);
      for (const form of forms.filter((form) => form.properties)) visit(form, at);
      if (forms.every((form) => form.properties)) continue;
      if (part.type !== 'array') {
        const values = [...(found.get(at)?.values ?? []), ...valuesOf(part)];
        found.set(at, { path: at, about: part.description ?? '', values });
      }
    }
  };
  visit(completeSchema(), '');
  return [...found.values()];
}

/** A schema, or the ones that it is one of. */
function formsOf(part: JsonSchema): JsonSchema[] {
  const forms = part.oneOf ?? part.anyOf;
  return forms ? forms.flatMap(formsOf) : [part];
}

function valuesOf(part: JsonSchema): string[] {
  if (part.anyOf) return part.anyOf.flatMap(valuesOf);
  if (part.const !== undefined) return [String(part.const)];
  if (part.type === 'boolean') return ['true', 'false'];
  return (part.enum ?? []).map(String);
}
