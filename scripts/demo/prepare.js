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
/** Written last: a folder without it, or with another one, is not used. */
const MARKER = 'complete.json';
/** The five skin tone swatches: plain squares of colour, and too few for a class. */
const LEFT_OUT = new Set(['Component']);
const AT_ONCE = 8;

/**
 * @typedef {{ train: Record<string, number>, val: Record<string, number> }} Counts images per class, by part
 * @typedef {{ counts: Counts, created: boolean }} Prepared `created`: false if the folder was there already
 */

/**
 * Make `target`/{train,val}/<class>/<emoji>.jpg, unless it is there and complete.
 *
 * Images are written into a temporary folder beside `target`, which is renamed when it is complete: an interrupted
 * run leaves nothing that looks like a data set, and the next one removes what it left.
 *
 * @param {string} target
 * @param {(done: number, total: number) => void} [onProgress]
 * @returns {Promise<Prepared>}
 */
export async function prepareDemo(target, onProgress = () => {}) {
  const folder = resolve(target);
  const packages = Object.values(PARTS).map(findPackage);
  const wanted = { format: FORMAT, packages: packages.map(({ id }) => id) };
  const present = readMarker(folder);
  if (present && sameOrigin(present, wanted)) return { counts: present.counts, created: false };
  if (!present && existsSync(folder) && readdirSync(folder).length > 0) {
    throw new Error(`${folder} exists, but this demo did not make it: move it away`);
  }

  mkdirSync(dirname(folder), { recursive: true });
  removeLeftovers(folder);
  const temporary = `${folder}.tmp-${process.pid}`;
  const counts = await writeImages(temporary, onProgress);
  writeFileSync(join(temporary, MARKER), `${JSON.stringify({ ...wanted, counts }, null, 2)}\n`);
  try {
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const other = readMarker(folder); // another demo may have been quicker
    if (!other || !sameOrigin(other, wanted)) throw error;
  }
  return { counts, created: true };
}

/**
 * What a classifier reaches without looking at the images, in %.
 *
 * @param {Record<string, number>} counts validation images per class
 * @returns {{ images: number, classes: number, chance: number, majority: number, largest: string }}
 */
export function baselines(counts) {
  const classes = Object.keys(counts);
  const images = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const largest = classes.reduce((best, name) => (counts[name] > counts[best] ? name : best));
  return {
    images,
    classes: classes.length,
    chance: 100 / classes.length,
    majority: (100 * counts[largest]) / images,
    largest,
  };
}

/**
 * `Animals & Nature` becomes `animals-nature`.
 *
 * @param {string} category
 */
export const slug = (category) =>
  category
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/**
 * @param {string} folder
 * @param {(done: number, total: number) => void} onProgress
 * @returns {Promise<Counts>}
 */
async function writeImages(folder, onProgress) {
  const jobs = Object.entries(PARTS).flatMap(([part, artist]) => listImages(part, artist));
  /** @type {Counts} */
  const counts = { train: {}, val: {} };
  for (const { part, name } of jobs) {
    mkdirSync(join(folder, part, name), { recursive: true });
    counts[part][name] = (counts[part][name] ?? 0) + 1;
  }
  let next = 0;
  let done = 0;
  const work = async () => {
    for (let job = jobs[next++]; job; job = jobs[next++]) {
      await sharp(job.png)
        .flatten({ background: '#ffffff' })
        .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
        .toFile(join(folder, job.part, job.name, `${job.emoji}.jpg`));
      onProgress(++done, jobs.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return counts;
}

/**
 * Every emoji that the artist has drawn, once: without its skin tone variants, which would differ in colour alone.
 *
 * @param {string} part
 * @param {string} artist
 * @returns {{ part: string, name: string, emoji: string, png: string }[]} in the order of the class names
 */
function listImages(part, artist) {
  const { path } = findPackage(artist);
  /** @type {Record<string, any>[]} */
  const all = JSON.parse(readFileSync(join(path, 'emoji.json'), 'utf8'));
  return all
    .filter((emoji) => emoji[`has_img_${artist}`] && !LEFT_OUT.has(emoji.category))
    .map((emoji) => ({
      part,
      name: slug(emoji.category),
      emoji: emoji.short_name,
      png: join(path, 'img', artist, '64', emoji.image),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
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

/**
 * @param {string} folder
 * @returns {{ format: number, packages: string[], counts: Counts } | null}
 */
function readMarker(folder) {
  const path = join(folder, MARKER);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
}

/**
 * @param {{ format: number, packages: string[] }} a
 * @param {{ format: number, packages: string[] }} b
 */
const sameOrigin = (a, b) =>
  a.format === b.format && a.packages.join(' ') === b.packages.join(' ');

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
