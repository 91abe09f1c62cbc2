/** Small generated images for the tests of this folder. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

export type Rgb = [number, number, number];

/** A folder under the system's temporary one, and how to remove it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'relaybp-data-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Write an image of one colour; the format follows the name's ending. */
export async function solid(path: string, color: Rgb, width = 12, height = 10): Promise<void> {
  await painted(path, width, height, () => color);
}

/** Write an image of the colours that `color(x, y)` gives; JPEGs at best quality. */
export async function painted(
  path: string,
  width: number,
  height: number,
  color: (x: number, y: number) => Rgb,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data.set(color(i % width, Math.floor(i / width)), 3 * i);
  }
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  if (/\.jpe?g$/i.test(path)) image.jpeg({ quality: 100, chromaSubsampling: '4:4:4' });
  await image.toFile(path);
}
