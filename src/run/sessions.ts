import { existsSync } from 'node:fs';
import { arch, availableParallelism, hostname, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { cpuModel } from '../engine/cpu.js';
import { replaceFile } from '../files.js';
import { MOST_ROWS, readRegular } from '../regular-file.js';
import { version } from '../version.js';
import { changing, reading } from './changing.js';
import type { Session } from './session.js';

const SESSIONS = 'sessions.jsonl';

const text = z.string();
const sessionSchema: z.ZodType<Session> = z.object({
  started: z.iso.datetime(),
  step: z.number(),
  command: text.nullable(),
  folder: text,
  host: text,
  system: text,
  cpu: text,
  cores: z.number(),
  memoryMiB: z.number(),
  relaybp: text,
  node: text,
  engine: z.object({
    name: z.enum(['native', 'wasm']),
    library: text,
    device: z.enum(['cpu', 'gpu']),
    threads: z.number(),
    precision: z.enum(['float32', 'bf16']),
  }),
});

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

/**
 * All sessions of a run, the first one first, and how many lines are none. No session for a run of a version that did
 * not write them.
 */
export function findSessions(run: string): { sessions: Session[]; damaged: number } {
  const path = join(run, SESSIONS);
  if (!existsSync(path)) return { sessions: [], damaged: 0 };
  const text = reading(path, () => readRegular(path, MOST_ROWS));
  const lines = text.split('\n').filter((line) => line !== '');
  const sessions = lines.flatMap(sessionOf);
  return { sessions, damaged: lines.length - sessions.length };
}

/** The sessions of `findSessions`. */
export const readSessions = (run: string): Session[] => findSessions(run).sessions;

function sessionOf(line: string): Session[] {
  try {
    return [sessionSchema.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}
