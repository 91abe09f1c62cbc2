/** Reads small pieces of a file that mostly lie close together. */
import { readSync } from 'node:fs';
import type { ReadAt } from './tar-members.js';

/** The headers of a sample and its small members come in one piece. */
const AHEAD = 1 << 13;

/** @param file open for reading; @returns bytes at a position, fewer at the end of the file; valid until the next call */
export function readAhead(file: number): ReadAt {
  const buffer = Buffer.alloc(AHEAD);
  let [start, held] = [0, 0];
  return (position, length) => {
    if (length > AHEAD) return readWhole(file, Buffer.alloc(length), position);
    if (position < start || position + length > start + held) {
      start = position;
      held = readWhole(file, buffer, position).length;
    }
    return buffer.subarray(position - start, Math.min(held, position - start + length));
  };
}

function readWhole(file: number, target: Buffer, position: number): Buffer {
  let got = 0;
  while (got < target.length) {
    const more = readSync(file, target, got, target.length - got, position + got);
    if (more === 0) break;
    got += more;
  }
  return target.subarray(0, got);
}
