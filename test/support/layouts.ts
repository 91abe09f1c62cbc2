/**
 * Small imitations of data sets as they are handed out (docs/datasets.md): names, folders and lists as in the
 * originals, with a few small images of one colour each. The class of an image is the colour it has.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../src/random.js';
import { ROOT } from './consumer.js';

/** Easily told apart, the class's number being the place in the list. */
const COLOURS = [
  [220, 50, 40],
  [50, 200, 60],
  [40, 60, 220],
  [210, 200, 60],
] as const;

/** The bytes of a noisy JPEG, 24x20, of the colour of a class. */
export function classImage(label: number, seed: string): Promise<Buffer> {
  const random = new Random('layouts', label, seed);
  const [width, height] = [24, 20];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    Math.min(255, Math.max(0, COLOURS[label]![i % 3]! + 40 * random.normal())),
  );
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();
}

export function write(file: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, contents);
}

/** @param path below `root`; the image depends on it, and not on where that is */
const writeImage = async (root: string, path: string, label: number): Promise<void> =>
  write(join(root, path), await classImage(label, path));

/** Four categories of Places365, with a class that lies one folder deeper. */
export const PLACES = ['a/airfield', 'a/apartment_building/outdoor', 'b/bathroom', 'b/bookstore'];

/**
 * The Places365 devkit: `data_256/<category>/…` and `val_256/Places365_val_….jpg`, lists with leading slashes, and
 * `categories_places365.txt`.
 */
export async function placesDevkit(root: string): Promise<void> {
  const lines = { train: [] as string[], val: [] as string[] };
  let next = 1;
  for (const [label, name] of PLACES.entries()) {
    for (let i = 1; i <= 4; i++) {
      const path = `/${name}/${String(i).padStart(8, '0')}.jpg`;
      await writeImage(root, `data_256${path}`, label);
      lines.train.push(`${path} ${label}\n`);
    }
  }
  for (const label of [2, 0, 3, 1, 1, 3, 0, 2]) {
    const name = `Places365_val_${String(next++).padStart(8, '0')}.jpg`;
    await writeImage(root, `val_256/${name}`, label);
    lines.val.push(`${name} ${label}\n`);
  }
  write(join(root, 'places365_train_standard.txt'), lines.train.join(''));
  write(join(root, 'places365_val.txt'), lines.val.join(''));
  const names = PLACES.map((name, label) => `/${name} ${label}\n`);
  write(join(root, 'categories_places365.txt'), names.join(''));
}

/** The same categories as folders of `train` and `val`, in the folders of their first letters as the archives have them. */
export async function placesFolders(root: string): Promise<void> {
  for (const [part, count] of [
    ['train', 4],
    ['val', 2],
  ] as const) {
    for (const [label, name] of PLACES.entries()) {
      for (let i = 1; i <= count; i++) {
        await writeImage(root, `${part}/${name}/${String(i).padStart(8, '0')}.jpg`, label);
      }
    }
  }
}

/** Four classes of ImageNet by the numbers of the devkit; their folders come in another order. */
export const SYNSETS = ['n02119789', 'n02100735', 'n03126707', 'n02012849'];

/**
 * ILSVRC2012: `ILSVRC2012_img_train/<synset>/<synset>_….JPEG`, `ILSVRC2012_img_val/ILSVRC2012_val_….JPEG`, and the
 * devkit with its `meta.mat` (test/fixtures/ilsvrc) and the numbers of the validation images.
 */
export async function imagenet(root: string): Promise<void> {
  for (const [label, synset] of SYNSETS.entries()) {
    for (let i = 1; i <= 4; i++) {
      await writeImage(root, `ILSVRC2012_img_train/${synset}/${synset}_${i}.JPEG`, label);
    }
  }
  const truth = [3, 1, 4, 2, 2, 4, 1, 3];
  const solution = ['ImageId,PredictionString'];
  for (const [i, number] of truth.entries()) {
    const name = `ILSVRC2012_val_${String(i + 1).padStart(8, '0')}`;
    await writeImage(root, `ILSVRC2012_img_val/${name}.JPEG`, number - 1);
    const box = `${SYNSETS[number - 1]} 1 2 13 14 `;
    solution.push(`${name},${i % 2 === 0 ? box : box + box}`);
  }
  const devkit = join(root, 'ILSVRC2012_devkit_t12/data');
  write(join(devkit, 'ILSVRC2012_validation_ground_truth.txt'), `${truth.join('\n')}\n`);
  cpSync(join(ROOT, 'test/fixtures/ilsvrc/meta.mat'), join(devkit, 'meta.mat'));
  const words = ['kit fox, Vulpes macrotis', 'English setter', 'crane', 'crane'];
  const lines = SYNSETS.map((synset, i) => `${synset} ${words[i]}\n`).sort();
  write(join(root, 'LOC_synset_mapping.txt'), lines.join(''));
  write(join(root, 'LOC_val_solution.csv'), `${solution.join('\n')}\n`);
}

/** Labels as Kaggle has them: a header, names in quotes, ids without an extension; `train.csv`, `val.csv`. */
export async function kaggle(root: string): Promise<void> {
  const breeds = ['boxer', 'shih-tzu', 'Great Dane, blue', 'pug'];
  for (const [part, count] of [
    ['train', 4],
    ['val', 2],
  ] as const) {
    const rows = ['id,width,breed'];
    for (const [label, breed] of breeds.entries()) {
      for (let i = 0; i < count; i++) {
        const id = `${part}${label}${i}`;
        await writeImage(root, `images/${id}.jpg`, label);
        rows.push(`${id},24,"${breed}"`);
      }
    }
    write(join(root, `${part}.csv`), `\ufeff${rows.join('\r\n')}\r\n`);
  }
}

/** iNaturalist: images in `train_val2018/<supercategory>/<species>`, and JSON files that say which is of which part. */
export async function inaturalist(root: string): Promise<void> {
  const species = ['Rissa tridactyla', 'Apus apus', 'Danaus plexippus', 'Aglais io'];
  const above = ['Aves', 'Aves', 'Insecta', 'Insecta'];
  const categories = species.map((name, id) => ({ id, name, supercategory: above[id] }));
  let id = 1;
  for (const [part, count] of [
    ['train2018', 4],
    ['val2018', 2],
  ] as const) {
    const [images, annotations] = [[] as object[], [] as object[]];
    for (const label of species.keys()) {
      for (let i = 0; i < count; i++) {
        const path = `train_val2018/${above[label]}/${label + 100}/${part}${i}.jpg`;
        await writeImage(root, path, label);
        images.push({ id, file_name: path, height: 20, width: 24, license: 0 });
        annotations.push({ id, image_id: id++, category_id: label });
      }
    }
    const info = { description: 'an "imitation" of {iNaturalist}', licenses: [[]] };
    write(join(root, `${part}.json`), JSON.stringify({ info, images, categories, annotations }));
  }
}

/** WebDataset: `train-{000..001}.tar` and `val-000.tar` of `.jpg` and `.cls`, packed by tar, and `classes.txt`. */
export async function webDataset(root: string): Promise<void> {
  const loose = mkdtempSync(join(tmpdir(), 'relaybp-wds-'));
  for (const [shard, count] of [
    ['train-000', 2],
    ['train-001', 2],
    ['val-000', 2],
  ] as const) {
    for (const label of [0, 1, 2, 3]) {
      for (let i = 0; i < count; i++) {
        await writeImage(loose, `${shard}/s${label}${i}.jpg`, label);
        write(join(loose, `${shard}/s${label}${i}.cls`), `${label}\n`);
      }
    }
    mkdirSync(root, { recursive: true });
    const names = ['--sort=name', '-cf', join(root, `${shard}.tar`), '-C', join(loose, shard), '.'];
    execFileSync('tar', names);
  }
  write(join(root, 'classes.txt'), 'red\ngreen\nblue\nyellow\n');
}
