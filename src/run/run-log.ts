import { fstatSync, ftruncateSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { openToAppend } from '../files.js';
import { messageOf } from '../system-error.js';
import { changing } from './changing.js';

/**
 * The run's log, written line by line. A line that a crash has torn is cut off first. Where the log cannot be
 * written any more, the training goes on without, and says so once.
 */
export function openLog(run: string, onNotice: (line: string) => void): Logger {
  const path = join(run, 'log.jsonl');
  const destination = changing(`${path}: cannot be written`, () => {
    const file = openToAppend(path);
    cutTornLine(file);
    return pino.destination({ dest: file, sync: true });
  });
  let failed = false;
  destination.on('error', (error: unknown) => {
    if (failed) return;
    failed = true;
    onNotice(`${path}: cannot be written: ${messageOf(error)}; going on without the log`);
  });
  return pino({ base: null }, destination);
}

/** Lines are shorter than this; what is torn begins after the last line end. */
const TAIL = 1 << 16;

function cutTornLine(file: number): void {
  const { size } = fstatSync(file);
  const tail = Buffer.alloc(Math.min(size, TAIL));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const end = tail.lastIndexOf('\n') + 1;
  if (end < tail.length && (end > 0 || tail.length === size)) {
    ftruncateSync(file, size - tail.length + end);
  }
}
