/** PNG allows its EXIF data (the chunk eXIf) behind the image; libvips looks for it in front only. */

/** Reads `length` bytes at a place of a file; fewer where it ends. */
export type ReadAt = (position: number, length: number) => Buffer | Promise<Buffer>;

/** Where in a file, in bytes. */
export interface LateExif {
  /** The first chunk of the image. */
  image: number;
  start: number;
  end: number;
}

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** Beside its data a chunk has length, type and checksum. */
const BESIDE = 12;

/** Finds the EXIF data of a PNG that lie behind the image; null if there are none, there or at all. */
export async function findLateExif(read: ReadAt): Promise<LateExif | null> {
  if (!(await read(0, SIGNATURE.length)).equals(SIGNATURE)) return null;
  let image: number | null = null;
  for (let start = SIGNATURE.length; ; ) {
    const head = await read(start, 8);
    if (head.length < 8) return null;
    const end = start + BESIDE + head.readUInt32BE(0);
    const type = head.toString('latin1', 4);
    if (type === 'IEND' || (type === 'eXIf' && image === null)) return null;
    if (type === 'eXIf') {
      const isWhole = (await read(end - 4, 4)).length === 4;
      return isWhole ? { image: image!, start, end } : null;
    }
    if (type === 'IDAT') image ??= start;
    start = end;
  }
}

/** The same file with its EXIF data in front of the image, where libvips finds them. */
export async function withExifInFront(bytes: Buffer): Promise<Buffer> {
  const late = await findLateExif((at, length) => bytes.subarray(at, at + length));
  if (!late) return bytes;
  const { image, start, end } = late;
  const parts = [bytes.subarray(0, image), bytes.subarray(start, end)];
  return Buffer.concat([...parts, bytes.subarray(image, start), bytes.subarray(end)]);
}
