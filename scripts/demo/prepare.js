/**
 * The demo's data set: emoji as JPEGs in class folders, made from two npm packages.
 *
 * The class of an emoji is its Unicode category, so the classes are unbalanced. Training images are Google's
 * drawings, validation images are Twitter's drawings of the same emoji: what is measured is whether the network
 * recognises what another hand has drawn.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import sharp from 'sharp';

/** Which artist's drawings make up which part. */
const PARTS = { train: 'google', val: 'twitter' };
/** Raise it when the images come out differently, so that older folders are made again. */
const FORMAT = 1;
/** Written last: what the folder was made from. A folder without it is not complete. */
const MARKER = 'complete.json';
/** The five skin tone swatches: plain squares of colour, and too few for a class. */
const LEFT_OUT = new Set(['Component']);
const AT_ONCE = 8;

/**
 * Make `target`/{train,val}/<class>/<emoji>.jpg, unless it is there and complete.
 *
 * Images are written into a temporary folder beside `target`, which is renamed when it is complete: an interrupted
 * run leaves nothing that looks like a data set, and the next one removes what it left.
 *
 * @param {string} target
 * @returns {Promise<boolean>} false if the folder was there already
 */
export async function prepareDemo(target) {
  const folder = resolve(target);
  const origin = JSON.stringify({
    format: FORMAT,
    packages: Object.values(PARTS).map((artist) => findPackage(artist).id),
  });
  const present = readMarker(folder);
  if (present === origin) return false;
  if (present === null && existsSync(folder) && readdirSync(folder).length > 0) {
    throw new Error(`${folder} is not a folder that this demo made: move it away`);
  }

  mkdirSync(dirname(folder), { recursive: true });
  removeLeftovers(folder);
  const temporary = `${folder}.tmp-${process.pid}`;
  await writeImages(temporary);
  writeFileSync(join(temporary, MARKER), origin);
  if (readMarker(folder) === origin) {
    rmSync(temporary, { recursive: true }); // another demo was quicker, and may be reading it
    return false;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
  return true;
}

/**
 * Images per class of one part, `folder`/<class>/<image>.
 *
 * @param {string} folder
 * @returns {Record<string, number>}
 */
export function countImages(folder) {
  const classes = readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory());
  return Object.fromEntries(
    classes.map(({ name }) => [name, readdirSync(join(folder, name)).length]),
  );
}

/**
 * What is right, in %, without looking at the images: guesses at random, and always the most frequent classes.
 *
 * @param {Record<string, number>} counts validation images per class
 */
export function baselines(counts) {
  const byFrequency = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const sum = (/** @type {[string, number][]} */ classes) =>
    classes.reduce((total, [, count]) => total + count, 0);
  const images = sum(byFrequency);
  const percent = (/** @type {number} */ part, /** @type {number} */ whole) => (100 * part) / whole;
  return {
    images,
    classes: byFrequency.length,
    largest: byFrequency[0]?.[0] ?? '',
    chance: { top1: percent(1, byFrequency.length), top5: percent(5, byFrequency.length) },
    majority: {
      top1: percent(sum(byFrequency.slice(0, 1)), images),
      top5: percent(sum(byFrequency.slice(0, 5)), images),
    },
  };
}

/**
 * `Animals & Nature` becomes `animals-nature`.
 *
 * @param {string} category
 */
const slug = (category) => category.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** @param {string} folder */
async function writeImages(folder) {
  const jobs = Object.entries(PARTS).flatMap(([part, artist]) =>
    listImages(join(folder, part), artist),
  );
  for (const parent of new Set(jobs.map(({ jpeg }) => dirname(jpeg)))) {
    mkdirSync(parent, { recursive: true });
  }
  const queue = jobs.values();
  const work = async () => {
    for (const { png, jpeg } of queue) {
      await sharp(png)
        .flatten({ background: '#ffffff' })
        .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
        .toFile(jpeg);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/**
 * Every emoji that the artist has drawn, once: without its skin tone variants, which differ in colour alone.
 *
 * @param {string} folder
 * @param {string} artist
 */
function listImages(folder, artist) {
  const { path } = findPackage(artist);
  /** @type {{ short_name: string, category: string, image: string, [key: string]: unknown }[]} */
  const all = JSON.parse(readFileSync(join(path, 'emoji.json'), 'utf8'));
  return all
    .filter((emoji) => emoji[`has_img_${artist}`] && !LEFT_OUT.has(emoji.category))
    .map((emoji) => ({
      png: join(path, 'img', artist, '64', emoji.image),
      jpeg: join(folder, slug(emoji.category), `${emoji.short_name}.jpg`),
    }));
}

/**
 * @param {string} artist
 * @returns {{ path: string, id: string }} folder, and name with version
 */
function findPackage(artist) {
  const name = `emoji-datasource-${artist}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
    return { path: dirname(manifest), id: `${name}@${version}` };
  } catch (error) {
    throw new Error(`the package ${name} is not installed: run "npm ci" first`, { cause: error });
  }
}

/** @param {string} folder */
function readMarker(folder) {
  const path = join(folder, MARKER);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/**
 * Remove the temporary folders of runs that were interrupted.
 *
 * @param {string} folder
 */
function removeLeftovers(folder) {
  const prefix = `${basename(folder)}.tmp-`;
  for (const name of readdirSync(dirname(folder))) {
    if (!name.startsWith(prefix) || isRunning(Number(name.slice(prefix.length)))) continue;
    rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
}

/** @param {number} pid */
function isRunning(pid) {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
