/**
 * One training at a time in a run folder.
 *
 * Each training puts a file `lock.<random>.json` into the folder that says which process it is: pid, start time and
 * PID namespace as /proc has them, the boot, the host. Then it looks for others. If it sees one of a living process
 * it takes its own back and is refused; files of dead processes are removed. As everyone writes before looking, two
 * can never both go on; should both see each other, they try again after different times. A process that was killed
 * needs to clean up nothing, a reused pid has another start time, and after a restart of the machine the boot
 * differs. (Locks that are kept alive by a timer do not fit: an engine blocks the process for longer than any
 * sensible interval.)
 */

import { randomBytes } from 'node:crypto';
import {
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { RunInUseError } from '../errors.js';
import { readRegular } from '../regular-file.js';
import { changing } from './changing.js';
import { refuseLinks } from './links.js';

/** Who holds a lock: the contents of its file. */
interface Owner {
  pid: number;
  /** Start of the process in clock ticks since the boot; null where there is no /proc. */
  started: string | null;
  host: string;
  /** Null where there is no /proc. */
  boot: string | null;
  /** Pids are numbers within a namespace; null where there is no /proc. */
  pidNamespace: string | null;
  /** For people. */
  since: string;
}

export interface RunLock {
  /** Gives the folder free again; harmless if the folder is gone or cannot be changed. */
  release(): void;
}

const FILE = /^lock\.[0-9a-f]{8}\.json$/;
const ATTEMPTS = 4;

/**
 * Takes a run folder, which must be there.
 *
 * @throws RunInUseError if another training is at work in it, naming its process; CheckpointError if the folder cannot
 *   be written, or has links in it that lead elsewhere
 */
export function lockRun(run: string): RunLock {
  refuseLinks(run);
  for (let attempt = 1; ; attempt++) {
    const own = `lock.${randomBytes(4).toString('hex')}.json`;
    const path = join(run, own);
    changing(`${run}: the run folder cannot be written`, () => {
      writeFileSync(`${path}.tmp`, `${JSON.stringify(thisProcess())}\n`, { flag: 'wx' });
      renameSync(`${path}.tmp`, path);
    });
    const release = (): void => {
      try {
        rmSync(path, { force: true });
      } catch {
        // The folder cannot be changed any more, which ended the training: that is the error to be told. What stays is
        // the lock of a dead process.
      }
    };
    const other = livingOther(run, own);
    if (!other) return { release };
    release();
    if (attempt === ATTEMPTS) throw inUse(run, other);
    pause(20 + 100 * Math.random());
  }
}

/** Whether a training is at work in a run folder, or may be: one of another machine cannot be told. Changes nothing. */
export function mayBeTraining(run: string): boolean {
  return readdirSync(run)
    .filter((name) => FILE.test(name))
    .some((file) => {
      const owner = readOwner(join(run, file));
      return owner !== 'gone' && (owner === null || mayLive(owner));
    });
}

interface Held {
  file: string;
  owner: Owner | null;
}

/** A lock of someone else who is, or may be, alive. Removes the others. */
function livingOther(run: string, own: string): Held | null {
  for (const file of readdirSync(run).filter((name) => FILE.test(name) && name !== own)) {
    const owner = readOwner(join(run, file));
    if (owner === 'gone') continue;
    if (owner === null || mayLive(owner)) return { file, owner };
    rmSync(join(run, file), { force: true });
  }
  return null;
}

function readOwner(path: string): Owner | null | 'gone' {
  let text: string;
  try {
    text = readRegular(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    return null;
  }
  try {
    const owner = JSON.parse(text) as Owner;
    return Number.isSafeInteger(owner.pid) && typeof owner.host === 'string' ? owner : null;
  } catch {
    return null;
  }
}

/** False only where it is certain that the process is dead. */
function mayLive(owner: Owner): boolean {
  const here = thisProcess();
  if (owner.host !== here.host) return true;
  if (owner.boot !== here.boot) return owner.boot === null || here.boot === null;
  if (owner.pidNamespace !== here.pidNamespace) return true;
  if (here.started === null) return answers(owner.pid);
  const started = startOf(owner.pid);
  return started !== null && (owner.started === null || started === owner.started);
}

let self: Owner | undefined;

function thisProcess(): Owner {
  self ??= {
    pid: process.pid,
    started: startOf(process.pid),
    host: hostname(),
    boot: readOrNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: readOrNull(() => readlinkSync('/proc/self/ns/pid')),
    since: new Date().toISOString(),
  };
  return self;
}

/** When a process was started, in ticks since the boot; null if there is none, if it is a zombie, or no /proc. */
function startOf(pid: number): string | null {
  const stat = readOrNull(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The second field is the command in parentheses, which may itself hold spaces and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields?.[0], fields?.[19]];
  return start === undefined || state === 'Z' || state === 'X' ? null : start;
}

/** Whether there is a process of that number: all that can be told without /proc. */
function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readOrNull(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function inUse(run: string, { file, owner }: Held): RunInUseError {
  if (!owner) {
    return new RunInUseError(
      `${run}: ${file} is there, but does not say which training holds the folder`,
      `if no training is at work in it, remove ${join(run, file)}`,
    );
  }
  const { pid, host, since } = owner;
  const here = thisProcess();
  const checked = host === here.host && owner.pidNamespace === here.pidNamespace;
  return new RunInUseError(
    `${run}: another training is at work in this folder: process ${pid} on ${host}, since ${since}`,
    checked
      ? 'wait for it, stop it, or give another --out folder'
      : `if it is not running any more (that cannot be told from here), remove ${join(run, file)}`,
  );
}

/** Blocks the thread: nothing else goes on before a run is locked. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
