import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { joinPath } from '../data/index/image-index.js';
import { readRegular } from '../regular-file.js';

const SCHEMA = fileURLToPath(new URL('../../schema/relaybp.schema.json', import.meta.url));

/** How a config names its schema, so that editors find it wherever the config's folder is taken to. */
export interface SchemaPlace {
  /** Relative to the config; null: there is none to name, as `taken` is in its place. */
  name: string | null;
  /** The copy that has to be written for that, if it is not there. */
  copy: { file: string; text: string } | null;
  /** A file of that name that is none of ours. */
  taken: string | null;
}

/**
 * The schema itself where it lies beside or below the folder that one works in, in a checkout or node_modules; elsewhere a
 * copy beside the config, which goes along with it.
 */
export function schemaPlace(config: string): SchemaPlace {
  const inside = (path: string): boolean =>
    !relative(process.cwd(), resolve(path)).startsWith('..');
  if (inside(SCHEMA) && inside(config)) {
    const folder = relative(dirname(resolve(config)), dirname(SCHEMA));
    return { name: joinPath(folder, basename(SCHEMA)), copy: null, taken: null };
  }
  const file = join(dirname(config), basename(SCHEMA));
  const text = readFileSync(SCHEMA, 'utf8');
  const present = existsSync(file) ? readRegular(file) : null;
  if (present !== null && titleOf(present) !== titleOf(text)) {
    return { name: null, copy: null, taken: file };
  }
  return { name: basename(file), copy: present === text ? null : { file, text }, taken: null };
}

/** Also says of which version of the config format a schema is. */
function titleOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { title?: unknown } | null)?.title;
  } catch {
    return null;
  }
}
