/** The per-user folder for what is kept from one start to the next. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { ConfigError } from './errors.js';

/**
 * Where each system keeps such things: `XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`. With an
 * empty or relative `HOME` the home folder of the user's account is taken: a relative one would be another folder
 * wherever a command is started.
 *
 * @param variable the environment variable that names the folder instead, for the message
 * @throws ConfigError if there is no home folder, as for a user without an account
 */
export function userCache(variable: string): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  switch (process.platform) {
    case 'darwin':
      return join(home(variable), 'Library', 'Caches', 'relaybp');
    case 'win32':
      return join(LOCALAPPDATA || join(home(variable), 'AppData', 'Local'), 'relaybp', 'Cache');
    default:
      // A relative one does not count, by the XDG specification.
      if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, 'relaybp');
      return join(home(variable), '.cache', 'relaybp');
  }
}

function home(variable: string): string {
  for (const of of [homedir, () => userInfo().homedir]) {
    try {
      const folder = of();
      if (isAbsolute(folder)) return resolve(folder);
    } catch {
      // the user has no account: said below
    }
  }
  throw new ConfigError(
    `there is no home folder: HOME is ${process.env.HOME === undefined ? 'not set' : JSON.stringify(process.env.HOME)}, and this user has no account`,
    `set HOME, or ${variable}, to a folder of this user's own`,
  );
}
