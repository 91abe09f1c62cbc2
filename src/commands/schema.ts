import { fileSchema } from '../config/json-schema.js';
import { configReference } from '../config/reference.js';
import { studyFileSchema, studyReference } from '../study/study-json-schema.js';

export interface SchemaOptions {
  /** The reference of all keys in place of the JSON Schema. */
  markdown?: boolean;
  /** Of studies in place of configs. */
  study?: boolean;
}

/** `relaybp schema`: the text to print, the JSON Schema of config files (or studies) or the reference made from it. */
export function schemaCommand({ markdown = false, study = false }: SchemaOptions = {}): string {
  if (markdown) return study ? studyReference() : configReference();
  return `${JSON.stringify(study ? studyFileSchema() : fileSchema(), null, 1)}\n`;
}
