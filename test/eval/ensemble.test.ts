import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensemble, fitOnPart, fitWeights } from '../../src/eval/ensemble.js';
import { averageInputs, logSoftmax } from '../../src/eval/log-probabilities.js';
import { readScoreFile, writeScoreFile } from '../../src/eval/score-file.js';
import { aligned, type ScoreSet } from '../../src/eval/score-set.js';
import { Random } from '../../src/random.js';
import { folderWith } from '../support/configs.js';

/** @param p probabilities of each image */
const set = (
  p: number[][],
  labels: number[],
  classes = ['a', 'b'],
  paths = p.map((_, i) => `${i}.jpg`),
): ScoreSet => ({
  source: 'test',
  root: 'images',
  classes,
  paths,
  labels: Int32Array.from(labels),
  rows: p.map((row) => Float32Array.from(row, Math.log)),
});

const probabilities = ({ rows }: ScoreSet): number[][] =>
  rows.map((row) => [...row].map((value) => Number(Math.exp(value).toFixed(6))));

describe('averaging over inputs', () => {
  const rows = [
    [Math.log(3), 0],
    [0, Math.log(7)],
  ];
  it('of softmax probabilities', () => {
    const [a, b] = averageInputs(rows, 'softmax');
    expect(Math.exp(a!)).toBeCloseTo((3 / 4 + 1 / 8) / 2, 12);
    expect(Math.exp(b!)).toBeCloseTo((1 / 4 + 7 / 8) / 2, 12);
  });
  it('of logits', () => {
    const [a] = averageInputs(rows, 'logits');
    expect(Math.exp(a!)).toBeCloseTo(Math.sqrt(3) / (Math.sqrt(3) + Math.sqrt(7)), 12);
  });
  it('keeps probabilities far below what a number can hold', () => {
    expect(logSoftmax([2000, 0])[1]).toBe(-2000);
    expect(
      averageInputs(
        [
          [2000, 0],
          [2000, 0],
        ],
        'softmax',
      )[1],
    ).toBeCloseTo(-2000, 9);
  });
});

describe('ensemble', () => {
  const one = set(
    [
      [0.5, 0.5],
      [0.75, 0.25],
    ],
    [0, 1],
  );
  const two = set(
    [
      [0.25, 0.75],
      [0.5, 0.5],
    ],
    [0, 1],
  );

  it('average, weighted average, product', () => {
    expect(probabilities(ensemble([one, two], 'average'))).toEqual([
      [0.375, 0.625],
      [0.625, 0.375],
    ]);
    expect(probabilities(ensemble([one, two], 'average', [0.2, 0.8]))).toEqual([
      [0.3, 0.7],
      [0.55, 0.45],
    ]);
    expect(probabilities(ensemble([one, two], 'product'))).toEqual([
      [0.25, 0.75],
      [0.75, 0.25],
    ]);
  });

  it('matches classes by name and images by path', () => {
    const swapped = set(
      [
        [0.5, 0.5],
        [0.75, 0.25],
      ],
      [0, 1],
      ['b', 'a'],
      ['1.jpg', '0.jpg'],
    );
    expect(probabilities(ensemble([one, swapped], 'average'))).toEqual([
      [0.375, 0.625],
      [0.625, 0.375],
    ]);
  });

  it('refuses other classes, other images and other labels', () => {
    expect(() => aligned(set([[1, 0]], [0], ['a', 'c']), one)).toThrow(
      'test and test have different classes: the first lacks "b", and has "c" besides',
    );
    expect(() => aligned(set([[1, 0]], [0]), one)).toThrow(
      'have different images: the first lacks "1.jpg", and has nothing besides',
    );
    expect(() =>
      aligned(
        set(
          [
            [1, 0],
            [1, 0],
          ],
          [0, 0],
        ),
        one,
      ),
    ).toThrow('1.jpg: its class is "b" in');
  });
});

describe('fitted weights', () => {
  it('are the shares of a mixture', () => {
    // Member 1 is right for 3 of 4 images and says so; member 2 for the fourth: maximise 3 log w + log(1 − w).
    const sure = (right: boolean): number[] => (right ? [1, 1e-30] : [1e-30, 1]);
    const one = set([true, true, true, false].map(sure), [0, 0, 0, 0]);
    const two = set([false, false, false, true].map(sure), [0, 0, 0, 0]);
    const [w] = fitWeights([one, two]);
    expect(w).toBeCloseTo(0.75, 6);
  });

  it('are as good as the best on a fine grid', () => {
    const random = new Random('fit');
    const draw = (): number[] => {
      const p = 0.05 + 0.9 * random.next();
      return [p, 1 - p];
    };
    const members = [0, 1].map(() => set(Array.from({ length: 50 }, draw), Array(50).fill(0)));
    const loss = (w: number): number =>
      -ensemble(members, 'average', [w, 1 - w]).rows.reduce((sum, row) => sum + row[0]!, 0);
    const grid = Array.from({ length: 101 }, (_, i) => loss(i / 100));
    expect(loss(fitWeights(members)[0]!)).toBeLessThanOrEqual(Math.min(...grid) + 1e-4);
  });

  it('come from a part of the images that depends on their paths alone; the rest is reported', () => {
    const paths = Array.from({ length: 400 }, (_, i) => `class/${i}.jpg`);
    const p = paths.map(() => [0.5, 0.5]);
    const one = set(
      p,
      paths.map(() => 0),
      ['a', 'b'],
      paths,
    );
    const { rest, images } = fitOnPart([one, one], 0.25);
    expect(images + rest[0]!.paths.length).toBe(400);
    expect(images).toBeGreaterThan(70);
    expect(images).toBeLessThan(130);
    const reversed = [...paths].reverse();
    const two = set(
      p,
      paths.map(() => 0),
      ['a', 'b'],
      reversed,
    );
    expect([...fitOnPart([two], 0.25).rest[0]!.paths].sort()).toEqual([...rest[0]!.paths].sort());
    expect(() => fitOnPart([set([[1, 0]], [0])], 0.5)).toThrow('images to fit on');
  });
});

describe('score files', () => {
  it('give back what was written', () => {
    const file = join(folderWith({}), 's.safetensors');
    const one = set(
      [
        [0.5, 0.5],
        [0.75, 0.25],
      ],
      [0, 1],
      ['ä', 'b "c"'],
      ['x/1.jpg', 'y/ü.jpg'],
    );
    writeScoreFile(file, one);
    const back = readScoreFile(file);
    expect({ ...back, source: 'test' }).toEqual(one);
    expect(back.source).toBe(file);
  });

  it('say what is wrong with them', () => {
    const folder = folderWith({});
    expect(() => readScoreFile(join(folder, 'none.safetensors'))).toThrow('cannot be read');
    writeFileSync(join(folder, 'torn.safetensors'), 'abc');
    expect(() => readScoreFile(join(folder, 'torn.safetensors'))).toThrow(
      'not a valid safetensors file',
    );
    const file = join(folder, 'short.safetensors');
    writeScoreFile(file, { ...set([[0.5, 0.5]], [0]), paths: ['a', 'b'] });
    expect(() => readScoreFile(file)).toThrow(
      '2 paths and 2 classes need log_probabilities [2, 2]',
    );
  });
});
