import { type ChildProcess, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { type MetricsRow, readMetrics } from '../../src/run/rows.js';
import { listCheckpoints } from '../../src/run/run-checkpoints.js';
import { type Outcome, run, type StartOptions, start } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';

/** The long form is the default: only a set variable makes the suite shorter. */
export const SHORT = process.env.RELAYBP_FAULTS === 'short';

/** How often something is done, in the short form and in the long one. */
export const times = (short: number, long: number): number => (SHORT ? short : long);

/** A user without any rights: `nobody` of most systems. */
const NOBODY = 65534;

/** A folder to train in, with `c.yaml` on these images. */
export class Workplace {
  readonly cwd: string;
  readonly env: Record<string, string>;

  constructor(images: string, settings: (config: string) => string = (config) => config) {
    this.cwd = mkdtempSync(join(tmpdir(), 'relaybp-faults-'));
    this.env = { RELAYBP_CACHE_DIR: join(this.cwd, 'cache') };
    const config = SMALL_CONFIG.replace('data/small', JSON.stringify(images));
    writeFileSync(join(this.cwd, 'c.yaml'), settings(config));
  }

  at(...parts: string[]): string {
    return join(this.cwd, ...parts);
  }

  relaybp(args: readonly string[], options: StartOptions = {}): Promise<Outcome> {
    return run(args, this.cwd, this.env, options);
  }

  train(args: readonly string[], options: StartOptions = {}): Promise<Outcome> {
    return this.relaybp(['train', 'c.yaml', '--engine', 'wasm', ...args], options);
  }

  start(args: readonly string[], options: StartOptions = {}) {
    return start(args, this.cwd, this.env, options);
  }

  startTrain(args: readonly string[], options: StartOptions = {}) {
    return this.start(['train', 'c.yaml', '--engine', 'wasm', ...args], options);
  }
}

/** Waits until a running child has come so far. @throws Error if it ends before */
export async function until(child: ChildProcess, done: () => boolean): Promise<void> {
  while (!done()) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`it has ended too early: ${child.exitCode ?? child.signalCode}`);
    await sleep(2);
  }
}

/**
 * Follows a child's largest resident memory, as the kernel keeps count of it.
 *
 * @returns ends it, and gives the peak in MiB
 */
export function followPeak(child: ChildProcess): () => number {
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // it has ended
    }
  }, 5);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

/** `--set` before each. */
export const set = (...settings: string[]): string[] => settings.flatMap((one) => ['--set', one]);

/** Rows without what a clock decides. */
export function timeless(run: string): Partial<MetricsRow>[] {
  return readMetrics(run).map(({ imagesPerSecond, dataWait, rankWait, ...row }) => row);
}

/** The bytes of a checkpoint's tensors. */
export const tensorBytes = (checkpoint: string): string[] =>
  ['weights', 'optimizer', 'normalization'].map((name) =>
    readFileSync(join(checkpoint, `${name}.safetensors`), 'base64'),
  );

/** Every checkpoint that bears its name is whole, and each row of the metrics is there once and not torn. */
export function expectSound(run: string): void {
  for (const name of listCheckpoints(run)) openCheckpoint(join(run, 'checkpoints', name)).verify();
  const path = join(run, 'metrics.jsonl');
  if (!existsSync(path)) return;
  // What follows the last line end is a row that was just being written; the next start drops it.
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const rows = lines.map((line) => JSON.parse(line) as MetricsRow);
  const names = rows.map(({ kind, step }) => `${kind} ${step}`);
  expect(names).toEqual([...new Set(names)]);
  const steps = rows.map(({ step }) => step);
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
}

/** Nothing temporary lies in a run folder. */
export function expectTidy(run: string): void {
  const inside = join(run, 'checkpoints');
  const left = [...readdirSync(run), ...(existsSync(inside) ? readdirSync(inside) : [])];
  expect(left.filter((name) => /^\.|\.tmp$|^lock\./.test(name))).toEqual([]);
}

/** A finished run has the very numbers of an uninterrupted one. */
export function expectSame(run: string, reference: string): void {
  const last = (of: string): string => readFileSync(join(of, 'last'), 'utf8').trim();
  expect(last(run)).toBe(last(reference));
  expect(tensorBytes(join(run, last(run)))).toEqual(tensorBytes(join(reference, last(reference))));
  expect(timeless(run)).toEqual(timeless(reference));
  const summary = (of: string) => JSON.parse(readFileSync(join(of, 'summary.json'), 'utf8'));
  const { peakMemoryMiB: _, ...ours } = summary(run);
  expect(ours).toEqual({
    ...summary(reference),
    peakMemoryMiB: undefined,
  });
}

/** Runs a system command that the test depends on. @throws Error, so that a fault that cannot be injected is a failure */
export function need(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim();
  throw new Error(`the fault cannot be injected: ${program} ${args.join(' ')}: ${reason}`);
}

/** Faults that a preloaded library (faults.cc) injects into every change below `folder`. */
export interface Faults {
  folder: string;
  /** Bytes that the disk has room for. */
  room?: number;
  /** While this file is there, nothing can be changed. */
  readOnly?: string;
  /** The call that kills the process, the first is 1. */
  kill?: number;
  /** The file that gets a line for every call. */
  log?: string;
}

/** For `under`: runs a command with these faults. */
export function injecting({ folder, room, readOnly, kill, log }: Faults): string[] {
  const variables = {
    LD_PRELOAD: library(),
    FAULT_BELOW: folder,
    FAULT_ROOM: room,
    FAULT_READ_ONLY: readOnly,
    FAULT_KILL: kill,
    FAULT_LOG: log,
  };
  const given = Object.entries(variables).filter(([, value]) => value !== undefined);
  return ['env', ...given.map(([name, value]) => `${name}=${value}`)];
}

let compiled: string | undefined;

/** The library, compiled by the compiler that `engine install` needs too. */
function library(): string {
  if (compiled) return compiled;
  const file = join(mkdtempSync(join(tmpdir(), 'relaybp-faults-')), 'faults.so');
  const source = fileURLToPath(new URL('faults.cc', import.meta.url));
  need('g++', ...['-std=c++17', '-O2', '-shared', '-fPIC', '-o', file, source, '-ldl']);
  compiled = file;
  return file;
}

/** Whether file systems may be mounted here: not in every container, though by root. */
export const MOUNTS = ((): boolean => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', folder]);
  if (status === 0) need('umount', folder);
  return status === 0;
})();

/** Runs a child as a user whom permissions bind: they do not bind root. */
export const WITHOUT_RIGHTS: StartOptions = process.getuid?.() === 0 ? { uid: NOBODY } : {};

/** Gives a file or a folder to that user. */
export function giveAway(path: string): void {
  if (WITHOUT_RIGHTS.uid !== undefined) chownSync(path, NOBODY, NOBODY);
}
