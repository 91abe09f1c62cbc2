import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';

/**
 * The user's home folder in place of `~`, where a path begins with it.
 *
 * @param label where the path was written
 * @throws ConfigError for `~name`: whose home that is only a shell knows
 */
export function expandHome(path: string, label: string): string {
  if (path === '~') return homedir();
  if (path.startsWith('~/')) return join(homedir(), path.slice(2));
  if (!/^~[A-Za-z_][\w.-]*(\/|$)/.test(path)) return path;
  throw new ConfigError(
    `${label}: ${path}: of home folders only your own is known, as ~/…`,
    `write the whole path; for a folder of that name here ./${path}`,
  );
}
