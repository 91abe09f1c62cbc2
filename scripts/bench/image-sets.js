/** The images of the benchmarks of decoding. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { count, list, note } from './options.js';

/**
 * `enlarge`: the shorter side that the images are enlarged to, as large photographs are needed and not at hand; `cover`:
 * the width and height that they are resized and cut to.
 */
export const SETS = {
  large: { variable: 'SCENES_VARIED', enlarge: 1600, most: 192, resize: 256, crop: 224 },
  middle: { variable: 'SCENES_VARIED', enlarge: 1024, most: 256, resize: 256, crop: 224 },
  photos: { variable: 'SCENES_VARIED', cover: [500, 375], most: 512, resize: 256, crop: 224 },
  squares: { variable: 'SCENES_VARIED', cover: [256, 256], most: 1024, resize: 256, crop: 224 },
  varied: { variable: 'SCENES_VARIED', enlarge: 0, most: 1024, resize: 256, crop: 224 },
  small: { variable: 'SCENES_SMALL', enlarge: 0, most: 2048, resize: 72, crop: 64 },
};
/** @typedef {{ name: string, folder: string, resize: number, crop: number }} ImageSet */

/**
 * @param {string} work a folder for images that are made
 * @param {{ images?: string, sets: string, resize: string, crop: string }} args as the command line gives them
 * @returns {AsyncGenerator<ImageSet>}
 */
export async function* imageSets(work, args) {
  if (args.images) {
    const [resize, crop] = [count(args.resize, '--resize'), count(args.crop, '--crop')];
    yield { name: 'images', folder: args.images, resize, crop };
    return;
  }
  for (const name of list(args.sets, Object.keys(SETS), '--sets')) {
    const set = SETS[/** @type {keyof SETS} */ (name)];
    const { variable, most, resize, crop } = set;
    const root = process.env[variable];
    if (!root) throw new Error(`--sets ${name}: ${variable} must name the data set's folder`);
    const folder = join(work, name, 'all');
    mkdirSync(folder, { recursive: true });
    note(`${name}: preparing images`);
    await prepare(join(root, 'train'), folder, set, most);
    yield { name, folder: join(work, name), resize, crop };
  }
}

/**
 * Takes images evenly over all classes; enlarged ones are the largest there are, as JPEGs of quality 90.
 *
 * @param {string} from
 * @param {string} to
 * @param {{ enlarge?: number, cover?: number[] }} size
 * @param {number} most
 */
async function prepare(from, to, { enlarge = 0, cover }, most) {
  const files = readdirSync(from, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.jpg'))
    .sort();
  const step = Math.max(1, Math.floor(files.length / most));
  const taken = files.filter((_, i) => i % step === 0).slice(0, most);
  for (const [i, file] of taken.entries()) {
    const image = sharp(join(from, file)).toColourspace('srgb');
    if (cover) image.resize({ width: cover[0], height: cover[1], fit: 'cover' });
    if (enlarge > 0) image.resize({ width: enlarge, height: enlarge, fit: 'outside' });
    await image.jpeg({ quality: 90 }).toFile(join(to, `${i}.jpg`));
  }
}
