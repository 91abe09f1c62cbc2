import { arch, hostname, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { cpuModel } from '../engine/cpu.js';
import { replaceFile } from '../files.js';
import { processors } from '../processors.js';
import { version } from '../version.js';
import { changing } from './changing.js';
import { linesOf, rowOf } from './json-lines.js';
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
  ranks: z.int().min(2).optional(),
});

/** Adds this process to the run's sessions. @throws CheckpointError if the file cannot be written */
export function addSession(
  run: string,
  about: Pick<Session, 'step' | 'command' | 'engine' | 'ranks'>,
): Session {
  const session: Session = {
    started: new Date().toISOString(),
    step: about.step,
    command: about.command,
    folder: process.cwd(),
    host: hostname(),
    system: `${platform()} ${release()} ${arch()}`,
    cpu: cpuModel(),
    cores: processors(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    relaybp: version,
    node: process.versions.node,
    engine: about.engine,
    ...(about.ranks !== undefined && about.ranks > 1 ? { ranks: about.ranks } : {}),
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
  const lines = linesOf(join(run, SESSIONS)).filter((line) => line !== '');
  const sessions = lines
    .map((line) => rowOf(line, sessionSchema))
    .filter((session) => session !== null);
  return { sessions, damaged: lines.length - sessions.length };
}

/** The sessions of `findSessions`. */
export const readSessions = (run: string): Session[] => findSessions(run).sessions;
