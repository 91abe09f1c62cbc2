/** Temporary sibling folders of an install, named so that a later run can tell which are left over. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

const PREFIX = '.installing-';
/** A temporary of another machine (a shared home folder) is left over after so long, in milliseconds. */
const FOREIGN_AGE = 24 * 3600 * 1000;

/** Makes an empty temporary folder under `root`. */
export async function makeTemporary(root: string): Promise<string> {
  const path = join(root, temporaryName(hostname(), process.pid));
  await mkdir(path, { recursive: true });
  return path;
}

/** Name of a new temporary: the machine and the process that it belongs to, and a random part. */
export function temporaryName(host: string, pid: number): string {
  return `${PREFIX}${encodeURIComponent(host)}~${pid}~${randomBytes(4).toString('hex')}`;
}

/** Removes temporaries whose process has ended. @returns how many there were */
export async function removeStale(root: string): Promise<number> {
  const names = (await readdir(root)).filter((name) => name.startsWith(PREFIX));
  let removed = 0;
  for (const name of names) {
    const path = join(root, name);
    if (!(await isStale(path, name))) continue;
    await rm(path, { recursive: true, force: true });
    removed++;
  }
  return removed;
}

async function isStale(path: string, name: string): Promise<boolean> {
  const [host, pid] = name.slice(PREFIX.length).split('~');
  if (host === encodeURIComponent(hostname())) return !isRunning(Number(pid));
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  return age > FOREIGN_AGE;
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
