import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { readScoreFile, writeScoreFile } from '../../src/eval/score-file.js';
import type { ScoreSet } from '../../src/eval/score-set.js';
import { folderWith } from '../support/configs.js';

const set: ScoreSet = {
  source: 'run',
  root: '/images',
  classes: ['a', 'b'],
  paths: ['a/1.jpg', 'b/1.jpg'],
  labels: Int32Array.of(0, 1),
  rows: [Float32Array.of(-0.5, -1), Float32Array.of(-2, -0.25)],
};

/** Writes a set and reads it back. */
function roundTrip(change: Partial<ScoreSet>): ScoreSet {
  const file = join(folderWith({}), 'scores.safetensors');
  writeScoreFile(file, { ...set, ...change });
  return readScoreFile(file);
}

describe('score files', () => {
  it('read back as they were written', () => {
    const { classes, paths, labels, rows } = roundTrip({});
    expect({ classes, paths, labels, rows }).toEqual({
      classes: set.classes,
      paths: set.paths,
      labels: set.labels,
      rows: set.rows,
    });
  });

  it.each([
    [
      'a label beyond the classes',
      { labels: Int32Array.of(0, 9) },
      /b\/1\.jpg: the label 9 is none of the 2 classes/,
    ],
    ['a negative label', { labels: Int32Array.of(-1, 1) }, /a\/1\.jpg: the label -1/],
    ['an image twice', { paths: ['a/1.jpg', 'a/1.jpg'] }, /its paths are not all different/],
    ['a class twice', { classes: ['a', 'a'] }, /its classes are not all different/],
    [
      'a score that is no number',
      { rows: [Float32Array.of(-0.5, -1), Float32Array.of(Number.NaN, -0.25)] },
      /b\/1\.jpg: NaN is no log-probability/,
    ],
    ['no images', { paths: [], labels: new Int32Array(), rows: [] }, /holds no images/],
  ])('with %s are refused', (_, change, message) => {
    expect(() => roundTrip(change)).toThrow(message);
  });

  it('that are no score files are named', () => {
    const file = join(folderWith({}), 'x.safetensors');
    writeFileSync(file, 'nothing of the kind');
    expect(() => readScoreFile(file)).toThrow(CheckpointError);
  });
});
