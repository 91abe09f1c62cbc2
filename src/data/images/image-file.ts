/**
 * Reading image files. They are read whole before they are decoded: libvips would map them into memory, and a file that
 * is cut off meanwhile would end the process (SIGBUS). Only what is larger than any JPEG is left to libvips to read.
 */
import { closeSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import {
  expectSize,
  MOST_BYTES,
  openRegularFile,
  openRegularWithStats,
} from '../../regular-file.js';
import { findLateExif } from './late-exif.js';

export interface ImageFile {
  /** What the file holds, or its path where libvips is to read it. */
  contents: Buffer | string;
  /** To open it by, if its name is text. */
  name: string | null;
  /** What the system said of it when it was opened. */
  state: { size: number; mtimeMs: number };
}

/** Bytes of a pixel of four channels of 32 bits: no image is larger than its pixels. */
const LARGEST_PIXEL = 16;
/** Bytes of a file beyond which it is left to libvips to read it. */
const MOST_READ = 2 ** 26;
/** Bytes of a file that is read while this thread waits. */
const MOST_WAITED_FOR = 2 ** 22;

/** What a read on this thread may take, in milliseconds; on a network, or a disk that is asleep, it is more. */
const PATIENCE = 2;
/** After one that took longer so many are left to libuv's threads, several at once. */
const PATIENT_AFTER = 64;
let leftToOthers = 0;

/**
 * Reads a file: on this thread, which takes a tenth of the processor time, unless that has lately been slow.
 *
 * @param path as bytes where the name is not UTF-8
 * @throws Error in a few words if it is no regular file, or larger than `maxPixels` pixels; what the system says if it
 *   cannot be read
 */
export async function readImageFile(path: string | Buffer, maxPixels: number): Promise<ImageFile> {
  if (leftToOthers > 0) leftToOthers--;
  else {
    const start = performance.now();
    const read = readAtOnce(path);
    if (performance.now() - start > PATIENCE) leftToOthers = PATIENT_AFTER;
    if (read) return read;
  }
  const { file, size, mtimeMs } = await openRegularFile(path);
  try {
    expectSize(size, Math.max(MOST_BYTES, LARGEST_PIXEL * maxPixels));
    const isLarge = typeof path === 'string' && size > MOST_READ && !(await mustBeRead(file));
    const contents = isLarge ? path : await file.readFile();
    return { contents, name: nameOf(path), state: { size, mtimeMs } };
  } finally {
    await file.close();
  }
}

const nameOf = (path: string | Buffer): string | null => (typeof path === 'string' ? path : null);

/** Null if it is too large for that. */
function readAtOnce(path: string | Buffer): ImageFile | null {
  const { file, stats } = openRegularWithStats(path);
  try {
    const { size, mtimeMs } = stats;
    if (size > MOST_WAITED_FOR) return null;
    // One byte more than there should be: a file may have grown, and is read to its end.
    const bytes = Buffer.allocUnsafeSlow(size + 1);
    const length = readSync(file, bytes, 0, bytes.length, 0);
    if (length > size) return null;
    return {
      contents: bytes.subarray(0, length),
      name: nameOf(path),
      state: { size, mtimeMs },
    };
  } finally {
    closeSync(file);
  }
}

/** A JPEG, whatever its size, and a PNG that libvips would not turn upright by itself. */
async function mustBeRead(file: FileHandle): Promise<boolean> {
  if ((await bytesAt(file, 0, JPEG.length)).equals(JPEG)) return true;
  return (await findLateExif((at, length) => bytesAt(file, at, length))) !== null;
}

/** How each begins. */
const JPEG = Buffer.from([0xff, 0xd8, 0xff]);

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
