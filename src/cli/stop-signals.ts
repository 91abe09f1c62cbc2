import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { printError } from './output.js';

/** Of the keyboard, and of those that end processes: a second one ends this process at once. */
const ENDING = ['SIGINT', 'SIGTERM'] as const;
/**
 * That the end is near: the terminal is closed, a scheduler's time is nearly over (Slurm's `--signal`), the limit of
 * processor time is reached, of which the kernel reminds every second. They never end what is being saved.
 */
const WARNING = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGXCPU'] as const;
/** Programs that start others pass on a signal which those have had from the terminal too. */
const ONE_MS = 500;

/**
 * What is aborted by any of these signals: a training then finishes its step and saves.
 *
 * @param speaks whether to say so
 */
export function stopSignals(speaks = true): { signal: AbortSignal; close: () => void } {
  const stopping = new AbortController();
  let closed = false;
  const warned = (): void => {
    if (stopping.signal.aborted || closed) return;
    if (speaks) printError('finishing the current step; a second Ctrl-C or SIGTERM stops at once');
    stopping.abort();
  };
  /**
   * Signals of the next half second are taken for this one. Then the system's own handling is back, so that another
   * one ends the process also while an engine blocks it, when no code here would run. Hence the waiting by blocking.
   */
  const ended = (): void => {
    warned();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ONE_MS);
    for (const signal of ENDING) process.off(signal, ended);
  };
  const warnings = hangupIgnored() ? WARNING.filter((signal) => signal !== 'SIGHUP') : WARNING;
  for (const signal of ENDING) process.on(signal, ended);
  for (const signal of warnings) process.on(signal, warned);
  return {
    signal: stopping.signal,
    /** Warnings that are repeated do not end the process either, which says by its exit code what came out. */
    close() {
      closed = true;
      for (const signal of ENDING) process.off(signal, ended);
    },
  };
}

/** Under nohup, SIGHUP is ignored by every command: Node.js has made it deadly again when it started. */
export function ignoreHangup(): void {
  if (hangupIgnored()) process.on('SIGHUP', () => {});
}

/**
 * Whether this process was started to ignore SIGHUP. What it inherited is lost, so this goes by what is left to see:
 * the shell's note of the command that it started, the stdin that nohup opens for writing only, or a parent that
 * ignores it (a script under nohup).
 */
export function hangupIgnored(): boolean {
  if (basename(process.env._ ?? '') === 'nohup') return true;
  try {
    if (readlinkSync('/proc/self/fd/0') === '/dev/null' && writeOnly(0)) return true;
    const [, ignored] = /^SigIgn:\s*([0-9a-f]+)/m.exec(
      readFileSync(`/proc/${process.ppid}/status`, 'utf8'),
    )!;
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return false; // no /proc
  }
}

function writeOnly(descriptor: number): boolean {
  const [, flags] = /^flags:\s*(\d+)/m.exec(
    readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'),
  )!;
  return (Number.parseInt(flags!, 8) & 3) === 1;
}
