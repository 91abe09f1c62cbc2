import { fileSchema } from '../config/json-schema.js';
import { configReference } from '../config/reference.js';

/** `relaybp schema`: the text to print, the JSON Schema of config files or the reference made from it. */
export function schemaCommand({ markdown = false }: { markdown?: boolean } = {}): string {
  return markdown ? configReference() : `${JSON.stringify(fileSchema(), null, 1)}\n`;
}
