/** Where this relaybp is installed: what to type to add to it, or to mend it, depends on that. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shellWord } from './shell-word.js';

/** The folder of its package.json. */
const HOME = dirname(fileURLToPath(new URL('../package.json', import.meta.url)));

/** Other package managers than npm, by folders in a path and by lock files beside `node_modules`. */
const FOREIGN_FOLDER = /[\\/]\.(?:pnpm|yarn|bun)[\\/]/;
const FOREIGN_LOCKS = ['pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];

/**
 * What to do so that this relaybp finds an optional package: a command that works word for word from any folder, where
 * npm installed it and in a checkout; else in words. Without install scripts: that of onnxruntime-node fetches CUDA
 * libraries, which are not used here, from elsewhere than npm's registry.
 *
 * @param home the folder of relaybp's package.json
 */
export function toAdd(name: string, home = HOME): string {
  if (!isInstalled(home)) return `npm ci --prefix ${shellWord(home)}`;
  const owner = dirname(dirname(home));
  const has = (file: string): boolean => existsSync(join(owner, file));
  if (FOREIGN_FOLDER.test(home) || FOREIGN_LOCKS.some(has)) {
    return `add ${name} with the package manager that installed ${home}`;
  }
  const install = 'npm install --ignore-scripts';
  if (has('package.json')) return `${install} --prefix ${shellWord(owner)} ${name}`;
  // npm's global folder: <prefix>/lib/node_modules, on Windows <prefix>\node_modules.
  const prefix = basename(owner) === 'lib' ? dirname(owner) : owner;
  return `${install} --global --prefix ${shellWord(prefix)} ${name}`;
}

/** What to do where one of relaybp's own files is missing. */
export function toMend(home = HOME): string {
  if (isInstalled(home)) return `${home} is incomplete: install relaybp again`;
  return 'build it with: npm run build';
}

/** As a package, not a checkout. */
const isInstalled = (home: string): boolean => basename(dirname(home)) === 'node_modules';
