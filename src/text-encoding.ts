/** Text files as other programs save them: whatever is read as text here is UTF-8. */
import { isUtf8 } from 'node:buffer';

/** Bytes looked at for UTF-16 without a mark. */
const LOOKED_AT = 256;

/** What a file is instead of UTF-8 text: its encoding, or the line where it is none; null if it is UTF-8. */
export function notUtf8(bytes: Buffer): string | null {
  if (isUtf16(bytes)) return 'it is UTF-16 text';
  if (isUtf8(bytes)) return null;
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const stop = bytes.indexOf(0x0a, start);
    const end = stop < 0 ? bytes.length : stop;
    if (!isUtf8(bytes.subarray(start, end))) break;
    start = end + 1;
  }
  return `line ${line} is no UTF-8 text`;
}

/** By its mark, or as every other byte of plain text is 0 in it, and the rest are not. */
export function isUtf16(bytes: Buffer): boolean {
  const mark = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  if (mark === 0xfffe || mark === 0xfeff) return true;
  const start = bytes.subarray(0, LOOKED_AT);
  const zeros = [0, 0];
  for (const [i, byte] of start.entries()) if (byte === 0) zeros[i % 2]! += 1;
  const few = Math.min(...zeros) < start.length / 8;
  return start.length >= 4 && few && Math.max(...zeros) > start.length / 4;
}

export const SAVE_AS_UTF8 =
  'save it as UTF-8: editors have that beside "save as", in PowerShell Set-Content -Encoding utf8';
