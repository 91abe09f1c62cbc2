import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import { messageOf } from '../system-error.js';
import { changing } from './changing.js';
import { logPath } from './run-folder.js';

/**
 * The run's log, written line by line. A line that a crash has torn is cut off first. Where the log cannot be
 * written any more, the training goes on without, and says so once.
 */
export function openLog(run: string, onNotice: (line: string) => void): Logger {
  const path = logPath(run);
  const destination = changing(`${path}: cannot be written`, () => {
    cutTornLine(path);
    return pino.destination({ dest: path, sync: true });
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

function cutTornLine(path: string): void {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, TAIL));
    readSync(file, tail, 0, tail.length, size - tail.length);
    const end = tail.lastIndexOf('\n') + 1;
    if (end < tail.length && (end > 0 || tail.length === size)) {
      ftruncateSync(file, size - tail.length + end);
    }
  } finally {
    closeSync(file);
  }
}
