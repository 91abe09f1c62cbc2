/** How a camera was held, as its EXIF data say (TIFF 6.0, the tag Orientation of the first directory). */

const ORIENTATION = 0x112;
const SHORT = 3;
const ENTRY = 12;

/**
 * @param tiff the EXIF data behind `Exif\0\0`
 * @returns 1 to 8; 1 if they do not say, also where that is said by 0; null if they are not as they should be
 */
export function exifOrientation(tiff: Uint8Array): number | null {
  if (tiff.length < 14) return null;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  const order = view.getUint16(0);
  const little = order === 0x4949;
  if ((!little && order !== 0x4d4d) || view.getUint16(2, little) !== 42) return null;
  const first = view.getUint32(4, little);
  if (first < 8 || first + 2 > tiff.length) return null;
  const count = view.getUint16(first, little);
  if (first + 2 + count * ENTRY > tiff.length) return null;
  let found: number | null = null;
  for (let i = 0, at = first + 2; i < count; i++, at += ENTRY) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const plain = view.getUint16(at + 2, little) === SHORT && view.getUint32(at + 4, little) === 1;
    const value = view.getUint16(at + 8, little);
    if (!plain || found !== null || value > 8) return null;
    found = value || 1;
  }
  return found ?? 1;
}
