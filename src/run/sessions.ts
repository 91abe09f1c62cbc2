import { existsSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, hostname, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { cpuModel } from '../engine/cpu.js';
import { replaceFile } from '../files.js';
import { version } from '../version.js';
import { changing } from './changing.js';
import type { Session } from './session.js';

const SESSIONS = 'sessions.jsonl';

/** Adds this process to the run's sessions. @throws CheckpointError if the file cannot be written */
export function addSession(
  run: string,
  about: Pick<Session, 'step' | 'command' | 'engine'>,
): Session {
  const session: Session = {
    started: new Date().toISOString(),
    step: about.step,
    command: about.command,
    folder: process.cwd(),
    host: hostname(),
    system: `${platform()} ${release()} ${arch()}`,
    cpu: cpuModel(),
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    relaybp: version,
    node: process.versions.node,
    engine: about.engine,
  };
  const path = join(run, SESSIONS);
  const lines = [...readSessions(run), session].map((line) => `${JSON.stringify(line)}\n`);
  changing(`${path}: cannot be written`, () => replaceFile(path, lines.join('')));
  return session;
}

/** All sessions of a run, the first one first. None for a run of a version that did not write them. */
export function readSessions(run: string): Session[] {
  const path = join(run, SESSIONS);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').flatMap(sessionOf) : [];
}

function sessionOf(line: string): Session[] {
  try {
    const session = JSON.parse(line) as Partial<Session> | null;
    return typeof session?.started === 'string' ? [session as Session] : [];
  } catch {
    return [];
  }
}
