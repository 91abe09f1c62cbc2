/** "é" in one character (NFC) and in two (NFD): the same class, the same file. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { fingerprint } from '../../../src/data/index/fingerprint.js';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import { imagePath, relativePath } from '../../../src/data/index/image-index.js';
import { IndexCache } from '../../../src/data/index/index-cache.js';
import { listBase } from '../../../src/data/index/list-base.js';
import { indexList, parseList } from '../../../src/data/index/list-index.js';
import { indexPaths } from '../../../src/data/index/path-index.js';
import { relabelled, sameClasses } from '../../../src/data/index/relabel.js';
import { matchNames, pathAsThere } from '../../../src/data/index/unicode-forms.js';
import { candidateOf, checkAlike } from '../../../src/eval/alike.js';
import { fitOnPart } from '../../../src/eval/ensemble.js';
import { aligned, type ScoreSet } from '../../../src/eval/score-set.js';
import { openImages } from '../../../src/experiment/images.js';
import { findLayout } from '../../../src/init/find-layout.js';
import { classImage } from '../../support/layouts.js';

const [ONE, TWO] = ['café', 'café'].map((name, i) => name.normalize(i === 0 ? 'NFC' : 'NFD')) as [
  string,
  string,
];
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-forms-'));
});
function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
}

it('a class folder of either form is one class, also where both are there', () => {
  expect(ONE).not.toBe(TWO);
  put(`train/${ONE}/1.jpg`, `train/${TWO}/2.jpg`, 'train/zoo/3.jpg', `val/${TWO}/4.jpg`);
  const train = indexFolder(join(root, 'train'));
  expect(train.index.classes).toEqual([ONE, 'zoo']);
  expect([...train.index.labels].sort()).toEqual([0, 0, 1]);
  const val = indexFolder(join(root, 'val'), { classes: train.index.classes });
  expect([...val.index.labels]).toEqual([0]);
  expect([val.index.classes, val.missingClasses]).toEqual([[ONE, 'zoo'], ['zoo']]);
});

it("a checkpoint's classes are matched whatever their form, and keep it", () => {
  put(`${ONE}/1.jpg`, 'zoo/2.jpg');
  const { index, missingClasses } = indexFolder(root, { classes: ['zoo', TWO] });
  expect([index.classes, [...index.labels], missingClasses]).toEqual([['zoo', TWO], [1, 0], []]);
  const own = indexFolder(root).index;
  expect(sameClasses(['zoo', TWO], own.classes)).toBe(true);
  expect(relabelled(own, ['zoo', TWO])).toMatchObject({ classes: ['zoo', TWO] });
});

it('a label of a list is one class, and its file is found, in either form', async () => {
  put(`${TWO}/${TWO}.jpg`, `${ONE}/b.jpg`, 'plain/c.jpg');
  const lines = [`${ONE}/${ONE}.jpg ${ONE}`, `${ONE}/b.jpg ${TWO}`, 'plain/c.jpg plain'];
  const list = join(root, 'list.txt');
  writeFileSync(list, lines.slice(0, 1).concat(lines.slice(2)).join('\n'));
  // Two folders of one name would be two files; here one of them is enough.
  const found = indexList(list, { root });
  expect(found.classes).toEqual([ONE, 'plain']);
  expect(found.sizes.every((size) => size > 0)).toBe(true);
  const cached = await new IndexCache({ folder: null }).openList(list, root, undefined);
  expect(cached.index).toEqual(found);
  writeFileSync(list, lines.slice(1).join('\n'));
  const classes = indexList(list, { root, classes: ['plain', ONE] });
  expect([...classes.labels]).toEqual([1, 0]);

  writeFileSync(list, `${ONE}/gone.jpg ${ONE}`);
  expect(() => indexList(list, { root })).toThrow('1 of 1 files do not exist');
});

it('a part of a data set, too', async () => {
  put(`${TWO}/a/1.jpg`, `${TWO}/b/2.jpg`);
  expect(pathAsThere(join(root, ONE))).toBe(join(root, TWO));
  expect(pathAsThere(join(root, 'nothing'))).toBe(join(root, 'nothing'));
  expect(pathAsThere(join(root, `${ONE}x`))).toBe(join(root, `${ONE}x`));
  const index = await openImages(root, ONE, undefined, () => {});
  expect(index.classes).toEqual(['a', 'b']);
  expect(imagePath(index, 0)).toBe(join(root, TWO, 'a/1.jpg'));
  expect(relativePath(index, 0)).toBe('a/1.jpg');
});

it('names are matched one to one, first as they are', () => {
  expect(matchNames([TWO, 'b', ONE], [ONE, TWO, 'c'])).toEqual({ places: [1, null, 0], rest: [2] });
  expect(matchNames([TWO], [ONE, TWO])).toEqual({ places: [1], rest: [0] });
  expect(matchNames([TWO, TWO], [ONE])).toEqual({ places: [0, null], rest: [] });
  // A list may name a file twice.
  expect(matchNames(['a'], ['a', 'a'])).toEqual({ places: [1], rest: [] });
});

const scores = (form: string, image: string): ScoreSet => ({
  source: form,
  root: '/data',
  classes: ['zoo', form],
  paths: [`${form}/${image}.jpg`, 'zoo/1.jpg'],
  labels: Int32Array.of(1, 0),
  rows: [Float32Array.of(-3, -0.1), Float32Array.of(-0.2, -2)],
});

it('scores of both forms are of the same images and classes, and a fit takes the same part of them', () => {
  const one = scores(ONE, ONE);
  const two = { ...scores(TWO, TWO) };
  const reversed: ScoreSet = {
    ...two,
    classes: [TWO, 'zoo'],
    labels: Int32Array.of(0, 1),
    rows: two.rows.map((row) => Float32Array.from(row).reverse()),
  };
  const found = aligned(reversed, one);
  expect([found.classes, found.paths, found.rows]).toEqual([one.classes, one.paths, one.rows]);
  expect(() => aligned({ ...two, paths: [`${TWO}/x.jpg`, 'zoo/1.jpg'] }, one)).toThrow(
    'have different images',
  );
  const many = (form: string): ScoreSet => {
    const images = Array.from({ length: 40 }, (_, i) => i);
    return {
      ...scores(form, form),
      paths: images.map((i) => `${form}/${i}.jpg`),
      labels: Int32Array.from(images, () => 1),
      rows: images.map(() => Float32Array.of(-3, -0.1)),
    };
  };
  const fits = [ONE, TWO].map((form) => fitOnPart([many(form), many(form)], 0.5).rest[0]!.paths);
  expect(fits[0]!.map((path) => path.normalize('NFD'))).toEqual(fits[1]);
});

it('two test sets that differ in the form alone are alike before anything is scored', async () => {
  const image = await classImage(0, 'x');
  put(`a/${ONE}/${ONE}.jpg`, 'a/zoo/1.jpg', `b/${TWO}/${TWO}.jpg`, 'b/zoo/1.jpg');
  for (const path of [`a/${ONE}/${ONE}.jpg`, `b/${TWO}/${TWO}.jpg`]) {
    writeFileSync(join(root, path), image);
  }
  const [a, b] = ['a', 'b'].map((part) =>
    candidateOf(part, indexFolder(join(root, part)).index),
  ) as [ReturnType<typeof candidateOf>, ReturnType<typeof candidateOf>];
  expect(a.paths).not.toEqual(b.paths);
  await checkAlike(a, b);
  await expect(
    checkAlike(a, { ...b, paths: b.paths.map((path) => path.replace(TWO, 'other')) }),
  ).rejects.toThrow('different images');
});

it('order and fingerprint do not depend on the form, so that a training goes on elsewhere', () => {
  // "é" in two characters sorts before "f", in one after "z".
  const names = ['cafz', ONE, 'cafa'];
  for (const form of ['NFC', 'NFD'] as const) {
    put(
      ...names
        .flatMap((name) => [`${form}/${name}/${ONE}.jpg`, `${form}/${name}/caff.jpg`])
        .map((path) => path.normalize(form)),
    );
  }
  const size = { sizes: new Uint32Array(6) }; // what `put` writes differs in length
  const [one, two] = ['NFC', 'NFD'].map((form) => {
    return { ...indexFolder(join(root, form)).index, ...size };
  });
  expect(one!.classes).toEqual(two!.classes);
  const paths = [one!, two!].map((index) => [0, 1, 2, 3, 4, 5].map((i) => relativePath(index, i)));
  expect(paths[0]).not.toEqual(paths[1]);
  expect(paths[0]).toEqual(paths[1]!.map((path) => path.normalize('NFC')));
  expect(fingerprint(one!)).toBe(fingerprint(two!));
});

it('predict, init and lists that name no base find what is there', () => {
  put(`${TWO}/${TWO}.jpg`, 'list.txt');
  const { index, names } = indexPaths([join(root, ONE, `${ONE}.jpg`), join(root, ONE)]);
  expect(names).toEqual([join(root, ONE, `${ONE}.jpg`), join(root, TWO, `${TWO}.jpg`)]);
  for (const i of [0, 1]) expect(imagePath(index, i)).toBe(join(root, TWO, `${TWO}.jpg`));
  expect(findLayout(join(root, ONE)).root).toBe(join(root, TWO));
  const list = join(root, 'list.txt');
  writeFileSync(list, `${ONE}/${ONE}.jpg a\n`);
  expect(listBase(list, parseList(list, { root }).index, '/nowhere')).toBe(root);
});

it('a class file, a header and tar members, too', async () => {
  writeFileSync(join(root, 'val.csv'), `${TWO},${TWO}s\n${ONE}.jpg,${ONE}\n${ONE}2.jpg,${TWO}\n`);
  put(`${TWO}.jpg`, `${TWO}2.jpg`);
  writeFileSync(join(root, `${TWO}.txt`), `0 ${TWO}\n`);
  const reading = { columns: { image: ONE, label: `${ONE}s` } };
  const csv = await openImages(root, 'val.csv', undefined, () => {}, undefined, reading);
  expect([csv.classes, csv.count]).toEqual([[ONE], 2]);
  put(`loose/${ONE}.cls`, `loose/${TWO}.jpg`);
  writeFileSync(join(root, `loose/${ONE}.cls`), TWO);
  execFileSync('tar', ['-cf', join(root, `${TWO}.tar`), '-C', join(root, 'loose'), '.']);
  for (const part of [`${ONE}.tar`, `${ONE}*.tar`, `{${ONE},${ONE}}.tar`]) {
    const tar = await openImages(root, part, undefined, () => {});
    expect(tar.classes).toEqual([ONE]);
  }
});
