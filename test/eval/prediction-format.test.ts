import { describe, expect, it } from 'vitest';
import { type PredictionFormat, predictionWriter } from '../../src/eval/prediction-format.js';

const IMAGES = [
  {
    image: 'a,b.jpg',
    best: [
      { label: 2, class: 'sky', probability: 0.75 },
      { label: 0, class: 'sea', probability: 0.25 },
    ],
    reason: null,
  },
  { image: 'bad.jpg', best: [], reason: 'no image' },
];

function written(format: PredictionFormat, classes = ['sea', 'land', 'sky']): string {
  const writer = predictionWriter(format, 2, classes);
  return writer.begin() + IMAGES.map((image) => writer.image(image)).join('') + writer.end();
}

describe('prediction formats', () => {
  it('text', () => {
    expect(written('text')).toBe(
      'a,b.jpg  sky 75.0 %, sea 25.0 %\nbad.jpg  cannot be decoded: no image\n',
    );
  });

  it('csv', () => {
    expect(written('csv')).toBe(
      'image,class1,probability1,class2,probability2\n"a,b.jpg",sky,0.750000,sea,0.250000\nbad.jpg\n',
    );
  });

  it('ilsvrc: labels from 1; zeros keep the place of an undecodable image', () => {
    expect(written('ilsvrc')).toBe('3 1\n0 0\n');
  });

  it('ilsvrc: classes with numbers for names are written by them', () => {
    expect(written('ilsvrc', ['1', '10', '2'])).toBe('2 1\n0 0\n');
    expect(written('ilsvrc', ['007', '1', '365'])).toBe('365 7\n0 0\n');
  });

  it('ilsvrc: where a class is 0, an undecodable image has what no class is', () => {
    expect(written('ilsvrc', ['0', '1', '2'])).toBe('2 0\n-1 -1\n');
    expect(written('ilsvrc', ['0', '-1', '10'])).toBe('10 0\n-2 -2\n');
  });

  it('json: one array', () => {
    expect(JSON.parse(written('json'))).toEqual([
      { image: 'a,b.jpg', predictions: IMAGES[0]!.best },
      { image: 'bad.jpg', error: 'no image' },
    ]);
  });
});
