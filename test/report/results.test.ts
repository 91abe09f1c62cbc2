/** What the page is told of an evaluation: read from a results file, counted, and images picked. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { csvLine } from '../../src/csv.js';
import { CheckpointError } from '../../src/errors.js';
import { resultColumns, resultLine } from '../../src/eval/results.js';
import { Random } from '../../src/random.js';
import { orderClasses } from '../../src/report/page/confusion-order.js';
import { type ImageResult, readResults } from '../../src/report/results-file.js';
import { labelsOf } from '../../src/report/run.js';
import { validationReport } from '../../src/report/validation-images.js';
import { folderWith } from '../support/configs.js';

const HEADER = csvLine(resultColumns());
const CLASSES = ['a', 'b, or "c"', 'd'];

const read = (text: string): ImageResult[] =>
  readResults(join(folderWith({ 'r.csv': text }), 'r.csv'), CLASSES, { named: false });

describe('a results file', () => {
  it('is read as it was written, also with fewer than five classes and names that need quotes', () => {
    const row = Float32Array.from([0.2, 0.7, 0.1], Math.log);
    const text =
      HEADER +
      resultLine({ image: '/data/val/b, or "c"/x,1.jpg', row, label: 0 }, { classes: CLASSES });
    expect(read(text)).toEqual([
      {
        image: '/data/val/b, or "c"/x,1.jpg',
        label: 0,
        rank: 2,
        best: [
          [1, 0.7],
          [0, 0.2],
          [2, 0.1],
        ],
      },
    ]);
  });

  it('has as many classes of an image as it was asked for; scores that are not numbers are no prediction', () => {
    const row = Float32Array.from([0.2, 0.7, 0.1], Math.log);
    const lines = (k: number): string =>
      csvLine(resultColumns(k)) +
      resultLine({ image: 'x.jpg', row, label: 0 }, { classes: CLASSES, k }) +
      resultLine(
        { image: 'y.jpg', row: row.map(() => Number.NaN), label: 0 },
        { classes: CLASSES, k },
      );
    expect(read(lines(2)).map(({ rank, best }) => [rank, best.length])).toEqual([
      [2, 2],
      [6, 0],
    ]);
    expect(read(lines(12)).map(({ rank, best }) => [rank, best.length])).toEqual([
      [2, 3],
      [6, 0],
    ]);
    const about = { source: 'r.csv', step: null, perGallery: 2 };
    const { report } = validationReport(read(lines(2)), CLASSES, about);
    expect(report).toMatchObject({ images: 2, top1: 0, top5: 50, confusion: [[0, 1, 1]] });
    expect(report.notes).toEqual([
      '1 of 2 images have scores that are not numbers: they count as wrong',
    ]);
  });

  it.each([
    ['a,b\n1,2\n', /it begins with a,b, not with image,label,rank/],
    [`${HEADER}x.jpg,z,1,a,0.5\n`, /line 2: no class is called "z"/],
    [`${HEADER}x.jpg,a,1,a,0.5\ny.jpg,a,0,a,0.5\n`, /line 3: y\.jpg,a,0,a,0\.5/],
    [`${HEADER}x.jpg,a,1,a,nothing\n`, /line 2/],
    [`${HEADER}x.jpg,a,1\n`, /line 2/],
    [`${HEADER}"x.jpg`, /Quote Not Closed/],
  ])('%j is refused', (text, message) => {
    expect(() => read(text)).toThrow(CheckpointError);
    expect(() => read(text)).toThrow(message);
  });
});

/** Image i of class `label`, predicted as `best` with a probability. */
const result = (image: string, label: number, best: number, probability: number): ImageResult => ({
  image,
  label,
  rank: label === best ? 1 : 2,
  best: [
    [best, probability],
    [(best + 1) % 3, 1 - probability],
  ],
});

describe('the report of an evaluation', () => {
  const results = [
    result('/data/val/a/1.jpg', 0, 0, 0.9),
    result('/data/val/a/2.jpg', 0, 1, 0.6),
    result('/data/val/a/3.jpg', 0, 1, 0.8),
    result('/data/val/b/1.jpg', 1, 1, 0.7),
    { ...result('/data/val/b/2.jpg', 1, 2, 0.5), rank: 6 },
  ];
  const about = { source: 'x.csv', step: 7, perGallery: 2 };
  const { report, pictures } = validationReport(results, CLASSES, about);

  it('counts images, classes and confusion', () => {
    expect(report).toMatchObject({ images: 5, top1: 40, top5: 80, step: 7, source: 'x.csv' });
    expect(report.perClass.map(({ images, top1 }) => [images, top1])).toEqual([
      [3, 100 / 3],
      [2, 50],
      [0, null],
    ]);
    expect(report.perClass[1]!.interval.map((bound) => bound.toFixed(2))).toEqual([
      '9.45',
      '90.55',
    ]);
    expect(report.confusion).toEqual([
      [0, 0, 1],
      [0, 1, 2],
      [1, 1, 1],
      [1, 2, 1],
    ]);
  });

  it('picks images class by class, and the surest mistakes', () => {
    const [right, wrong, sure] = report.galleries.map(({ images }) => images);
    expect(right!.map(({ path }) => path).sort()).toEqual(['a/1.jpg', 'b/1.jpg']);
    expect(wrong!.map(({ label }) => label)).toEqual([0, 1]);
    expect(sure!.map(({ path }) => path)).toEqual(['a/3.jpg', 'a/2.jpg']);
    expect(pictures).toHaveLength(6);
    expect(pictures.find(({ image }) => image === sure![0])!.file).toBe('/data/val/a/3.jpg');
  });

  it('orders classes by name, accuracy, or so that confused ones are neighbours', () => {
    const many = {
      ...report,
      classes: ['a', 'b', 'c', 'd'],
      perClass: [50, 20, 80, 20].map((top1) => ({
        images: 10,
        top1,
        top5: 100,
        ...{ precision: null, recall: top1, f1: null },
        interval: [0, 100] as [number, number],
      })),
      confusion: [
        [0, 2, 4],
        [1, 3, 5],
        [2, 1, 1],
      ] as [number, number, number][],
    };
    expect(orderClasses(many, 'name', null)).toEqual([0, 1, 2, 3]);
    expect(orderClasses(many, 'accuracy', null)).toEqual([1, 3, 0, 2]);
    expect(orderClasses(many, 'similar', null)).toEqual([1, 3, 2, 0]);
    expect(orderClasses(many, 'name', 2)).toEqual([1, 2]);
  });

  it('puts next the class that is most like the last four, whatever part of the classes is shown', () => {
    const random = new Random(1, 'confusion');
    for (let n = 0; n < 30; n++) {
      const classes = Array.from({ length: 40 }, (_, i) => `c${i}`);
      const perClass = classes.map(() => ({
        images: 1 + random.int(4),
        top1: 50,
        top5: 100,
        ...{ precision: null, recall: 50, f1: null },
        interval: [0, 100] as [number, number],
      }));
      const pairs = new Set(Array.from({ length: random.int(90) }, () => random.int(40 * 40)));
      const cells = [...pairs].map((pair): [number, number, number] => {
        return [Math.floor(pair / 40), pair % 40, 1 + random.int(3)];
      });
      const shares = classes.map(() => new Float64Array(40));
      for (const [label, predicted, count] of cells) {
        if (label === predicted) continue;
        shares[label]![predicted]! += count / perClass[label]!.images;
        shares[predicted]![label]! += count / perClass[label]!.images;
      }
      const order = orderClasses({ ...report, classes, perClass, confusion: cells }, 'similar', 30);
      expect(new Set(order).size).toBe(30);
      // Every one is at least as much like the four before it as all that come later.
      for (let at = 1; at < order.length; at++) {
        const like = (one: number): number =>
          [1, 2, 3, 4].reduce((sum, back) => {
            return sum + (shares[order[at - back] ?? -1]?.[one] ?? 0) / 2 ** (back - 1);
          }, 0);
        const later = Math.max(...order.slice(at).map(like));
        expect(like(order[at]!)).toBeCloseTo(later, 9);
      }
    }
  });
});

it('runs are called by their folder, or by its path where that is not enough', () => {
  expect(labelsOf(['runs/a', 'runs/b/'])).toEqual(['a', 'b']);
  expect(labelsOf(['x/a', 'y/a'])).toEqual(['x/a', 'y/a']);
  expect(labelsOf(['x/a', 'x/a'])).toEqual(['1: x/a', '2: x/a']);
});
