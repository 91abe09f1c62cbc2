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
      const forms = part.oneOf ?? [part];
      if (forms.some((form) => form.properties)) {
        for (const form of forms) visit(form, at);
      } else if (part.type !== 'array') {
        const values = [...(found.get(at)?.values ?? []), ...valuesOf(part)];
        found.set(at, { path: at, about: part.description ?? '', values });
      }
    }
  };
  visit(completeSchema(), '');
  return [...found.values()];
}

function valuesOf(part: JsonSchema): string[] {
  if (part.const !== undefined) return [String(part.const)];
  if (part.type === 'boolean') return ['true', 'false'];
  return (part.enum ?? []).map(String);
}
