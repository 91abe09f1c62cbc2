/** Whose code an installed engine is: it runs with all rights of whoever starts a training. */
import { lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { EngineError } from '../errors.js';

/** Names the folder of an engine that is to be taken as it is. */
export const TRUST = 'RELAYBP_TRUST_ENGINE_DIR';

const ROOT = 0;
const STICKY = 0o1000;
const [BY_GROUP, BY_OTHERS] = [0o020, 0o002];

/**
 * Nobody but this user and root may be able to change what lies in the folder of an engine: the folder, all that is in
 * it and the folders above are theirs, and others may write to none of them (but to a folder like /tmp, where nobody
 * can rename what is another's). A group may where it is the user's own, as on systems that give each user one.
 *
 * @param directory of one version; see `NativeLocation`
 * @param user who runs this; default: this process
 * @throws EngineError naming the first that is not so, its owner and its mode
 */
export function checkOwnership(
  directory: string,
  user: number | undefined = process.geteuid?.(),
): void {
  if (user === undefined || isTrusted(directory)) return;
  const paths = [...new Set([resolve(directory), realpathSync(directory)])];
  for (const path of paths) {
    for (let above = dirname(path); ; above = dirname(above)) {
      check(above, directory, user, { above: true });
      if (above === dirname(above)) break;
    }
  }
  for (const path of everythingIn(realpathSync(directory)))
    check(path, directory, user, { above: false });
}

function isTrusted(directory: string): boolean {
  const told = process.env[TRUST];
  return (
    told !== undefined && told !== '' && `${resolve(directory)}/`.startsWith(`${resolve(told)}/`)
  );
}

function* everythingIn(path: string): Generator<string> {
  yield path;
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) yield* everythingIn(join(path, name));
}

function check(path: string, engine: string, user: number, { above }: { above: boolean }): void {
  const stats = lstatSync(path);
  const problem = problemOf(stats, user, above);
  if (problem === null) return;
  throw new EngineError(
    `the native engine in ${engine} is not loaded: ${path} ${problem} (owner ${stats.uid}, group ${stats.gid}, mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')}; this user is ${user})`,
    `install your own (relaybp engine install), or correct the rights (chmod go-w); if you trust whoever may write there: ${TRUST}=${engine}`,
  );
}

function problemOf(stats: Stats, user: number, above: boolean): string | null {
  if (stats.uid !== user && stats.uid !== ROOT) return 'belongs to another user';
  // The rights of a link say nothing; what it leads to has been looked at.
  if (stats.isSymbolicLink()) return null;
  if (above && (stats.mode & STICKY) !== 0) return null;
  if ((stats.mode & BY_OTHERS) !== 0) return 'can be written to by everybody';
  const own = stats.gid === ROOT || stats.gid === stats.uid;
  if ((stats.mode & BY_GROUP) !== 0 && !own) return 'can be written to by a group';
  return null;
}
