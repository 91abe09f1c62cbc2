/** Whose code an installed engine is: it runs with all rights of whoever starts a training. */
import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, join, parse, resolve } from 'node:path';
import { EngineError } from '../errors.js';

/** Names the folder of an engine that is to be taken as it is. */
export const TRUST = 'RELAYBP_TRUST_ENGINE_DIR';

const ROOT = 0;
const STICKY = 0o1000;
const [BY_GROUP, BY_OTHERS] = [0o020, 0o002];

/**
 * Nobody but this user and root may be able to change what lies in the folder of an engine: the folder, all that is in
 * it and the folders above are theirs, and others may write to none of them (but to a folder like /tmp, where nobody
 * can rename what is another's), links included, wherever they lead. A group may where it is its owner's own, as on
 * systems that give each user one, or root's.
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
  const check = (path: string, stats: Stats, above: boolean): void => {
    const problem = problemOf(stats, user, above);
    if (problem !== null) throw refusal(directory, path, problem, stats, user);
  };
  const seen = new Set<string>();
  const waiting = [resolve(directory)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const real = walk(path, check);
    if (seen.has(real)) continue;
    seen.add(real);
    if (lstatSync(real).isDirectory())
      waiting.push(...readdirSync(real).map((name) => join(real, name)));
  }
}

/** As many as Linux follows in one path. */
const MOST_LINKS = 40;

/**
 * Goes along a path part by part, also along the links in it, and checks all that could lead elsewhere.
 *
 * @returns where it ends, without links
 */
function walk(path: string, check: (path: string, stats: Stats, above: boolean) => void): string {
  let at = parse(path).root;
  let links = 0;
  const parts = path.slice(at.length).split('/').filter(Boolean);
  check(at, lstatSync(at), true);
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    if (part === '.') continue;
    const next = part === '..' ? dirname(at) : join(at, part);
    const stats = lstatSync(next);
    check(next, stats, parts.length > 0);
    if (!stats.isSymbolicLink()) {
      at = next;
      continue;
    }
    if (++links > MOST_LINKS) throw new EngineError(`${path}: symbolic links go round in a circle`);
    const target = readlinkSync(next);
    if (isAbsolute(target)) at = parse(target).root;
    parts.unshift(...target.split('/').filter(Boolean));
  }
  return at;
}

function isTrusted(directory: string): boolean {
  const told = process.env[TRUST];
  return (
    told !== undefined && told !== '' && `${resolve(directory)}/`.startsWith(`${resolve(told)}/`)
  );
}

function refusal(
  engine: string,
  path: string,
  problem: string,
  stats: Stats,
  user: number,
): EngineError {
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  return new EngineError(
    `the native engine in ${engine} is not loaded: ${path} ${problem} (owner ${stats.uid}, group ${stats.gid}, mode ${mode}; this user is ${user})`,
    `install your own (relaybp engine install), or correct the rights (chmod go-w); if you trust whoever may write there: ${TRUST}=${engine}`,
  );
}

function problemOf(stats: Stats, user: number, above: boolean): string | null {
  if (stats.uid !== user && stats.uid !== ROOT) return 'belongs to another user';
  // The rights of a link say nothing: who owns it may change it.
  if (stats.isSymbolicLink()) return null;
  if (above && (stats.mode & STICKY) !== 0) return null;
  if ((stats.mode & BY_OTHERS) !== 0) return 'can be written to by everybody';
  const own = stats.gid === ROOT || stats.gid === stats.uid;
  if ((stats.mode & BY_GROUP) !== 0 && !own) return 'can be written to by a group';
  return null;
}
