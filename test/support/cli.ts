import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/relaybp.js', import.meta.url));

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface StartOptions {
  /** A command that runs it, `['strace', '-f']` say. */
  under?: readonly string[];
  /** The user to run it as; needs root. */
  uid?: number;
  /** Another build than this one's. */
  bin?: string;
}

/** Starts the built command line as a process of its own. */
export function start(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
  { under = [], uid, bin = BIN }: StartOptions = {},
): { child: ChildProcess; outcome: Promise<Outcome>; stdout: () => string } {
  const [program, ...rest] = [...under, process.execPath, bin, ...args] as [string, ...string[]];
  const child = spawn(program, rest, {
    cwd,
    env: { ...process.env, ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const outcome = new Promise<Outcome>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, outcome, stdout: () => stdout };
}

export const run = (
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
  options: StartOptions = {},
): Promise<Outcome> => start(args, cwd, env, options).outcome;
