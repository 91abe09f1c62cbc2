import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../src/random.js';

/** Colours that a network tells apart easily. */
const COLOURS = { blue: [40, 60, 220], green: [50, 200, 60], red: [220, 50, 40] } as const;

/**
 * A data set of noisy one-coloured JPEGs, 24x20, in three unbalanced classes.
 *
 * @returns its root, with `train` (12, 7 and 4 images) and `val` (5 each)
 */
export async function colourImages(): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'relaybp-images-'));
  const counts = { train: { blue: 12, green: 7, red: 4 }, val: { blue: 5, green: 5, red: 5 } };
  for (const [part, classes] of Object.entries(counts)) {
    for (const [name, count] of Object.entries(classes)) {
      mkdirSync(join(root, part, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const colour = COLOURS[name as keyof typeof COLOURS];
        await noisyImage(join(root, part, name, `${i}.jpg`), colour, new Random(part, name, i));
      }
    }
  }
  return root;
}

async function noisyImage(file: string, colour: readonly number[], random: Random): Promise<void> {
  const [width, height] = [24, 20];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    Math.min(255, Math.max(0, colour[i % 3]! + 40 * random.normal())),
  );
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 95 })
    .toFile(file);
}
