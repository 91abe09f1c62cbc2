/** Where what the build makes besides JavaScript lies. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RelaybpError } from './errors.js';
import { toMend } from './installation.js';

/**
 * A file that the build has made. In compiled code it lies below this folder; when the sources run directly (tests), it
 * is the one that `npm run build` has put into dist.
 *
 * @param name from this folder
 * @throws RelaybpError if it is not there: not built
 */
export function compiled(name: string): URL {
  const source = import.meta.url.endsWith('.ts');
  const url = new URL(source ? `../dist/${name}` : `./${name}`, import.meta.url);
  if (!existsSync(url)) {
    throw new RelaybpError(`${fileURLToPath(url)}: missing`, toMend());
  }
  return url;
}
