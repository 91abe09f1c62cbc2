import { describe, expect, it } from 'vitest';
import { bestClasses, resultColumns, resultLine } from '../../src/eval/results.js';
import { placeOf, TopK } from '../../src/eval/topk.js';
import { Random } from '../../src/random.js';

/** Result of one batch. */
function result(rows: number[][], labels: number[]) {
  const top = new TopK();
  top.add(Float32Array.from(rows.flat()), Int32Array.from(labels));
  return top.result();
}

describe('top-k', () => {
  it('counts hits among the first one and the first five', () => {
    const scores = [6, 5, 4, 3, 2, 1, 0];
    const { images, top1, top5, top1_err, top5_err } = result(Array(4).fill(scores), [0, 1, 4, 5]);
    expect({ images, top1, top5, top1_err, top5_err }).toEqual({
      images: 4,
      top1: 25,
      top5: 75,
      top1_err: 75,
      top5_err: 25,
    });
  });

  it('leaves out rows with label -1', () => {
    expect(
      result(
        [
          [1, 0],
          [1, 0],
        ],
        [0, -1],
      ),
    ).toMatchObject({ images: 1, top1: 100 });
  });

  it('among equal scores the lower class comes first', () => {
    expect(result([[1, 1]], [0]).top1).toBe(100);
    expect(result([[1, 1]], [1]).top1).toBe(0);
  });

  it('a score that is not a number is never right', () => {
    expect(result([[Number.NaN, Number.NaN]], [0])).toMatchObject({ top1: 0, top5: 0 });
  });

  it('loss is the mean cross-entropy, also for large logits', () => {
    // log(1 + e^-1) = 0.3132617; 1000 - 0 = 1000
    expect(result([[1, 0]], [0]).loss).toBeCloseTo(0.3132617, 6);
    expect(result([[1000, 0]], [1]).loss).toBeCloseTo(1000, 6);
  });

  it('of no images is zero, not NaN', () => {
    expect(new TopK().result()).toMatchObject({ images: 0, loss: 0, top1: 0 });
  });

  it('adds up over batches of different sizes', () => {
    const top = new TopK();
    top.add(Float32Array.of(1, 0, 0, 1, 1, 0), Int32Array.of(0, 1, 1));
    top.add(Float32Array.of(0, 1), Int32Array.of(1));
    expect(top.result()).toMatchObject({ images: 4, top1: 75 });
  });
});

describe('the best classes', () => {
  it.each([1, 5, 64, 65, 1000])('of 1,000, the first %d are those of a whole sort', (k) => {
    const classes = Array.from({ length: 1000 }, (_, i) => `c${i}`);
    const random = new Random(k, 'scores');
    for (let n = 0; n < 20; n++) {
      // Few different values, so that many are equal; some are no numbers, some infinite.
      const row = Float32Array.from(classes, () => {
        const value = random.int(40);
        return [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY][value] ?? -value;
      });
      const order = [...row.keys()]
        .filter((i) => !Number.isNaN(row[i]!))
        .sort((a, b) => (row[a] === row[b] ? a - b : row[b]! - row[a]!));
      expect(bestClasses(row, classes, k).map(({ label }) => label)).toEqual(order.slice(0, k));
      const label = random.int(1000);
      const [, , rank] = resultLine({ image: 'x', row, label }, { classes }).split(',');
      const place = order.indexOf(label);
      expect(Number(rank)).toBe(place < 0 ? 1001 : place + 1);
      expect(placeOf(row, label)).toBe(Number(rank));
    }
  });
});

describe('per-image results', () => {
  const row = Float32Array.from([0.25, 0.75], Math.log);

  it('rank the label and list the best classes with probabilities', () => {
    const line = resultLine({ image: 'x"y', row, label: 0 }, { classes: ['a', 'b,c'] });
    expect(line).toBe('"x""y",a,2,"b,c",0.750000,a,0.250000,,,,,,\n');
  });

  it.each([1, 2, 4, 5, 6])('of %i classes have as many cells as the header', (count) => {
    const classes = Array.from({ length: count }, (_, i) => `c${i}`);
    const scores = Float32Array.from(classes, (_, i) => -i);
    for (const k of [1, 5, 10]) {
      const line = resultLine({ image: 'x', row: scores, label: 0 }, { classes, k });
      expect(line.split(',')).toHaveLength(resultColumns(k).length);
      expect(resultColumns(k)).toHaveLength(3 + 2 * k);
    }
    expect(resultColumns()).toHaveLength(13);
  });

  it('best classes: the lower one first among equals, what is not a number is none', () => {
    const labels = (...values: number[]): number[] =>
      bestClasses(Float32Array.from(values), ['a', 'b', 'c'], 2).map(({ label }) => label);
    expect(labels(-1, -1, 0)).toEqual([2, 0]);
    expect(labels(Number.NaN, -2, -1)).toEqual([2, 1]);
    expect(labels(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 0)).toEqual([2, 0]);
    expect(labels(Number.NaN, Number.NEGATIVE_INFINITY, 0)).toEqual([2, 1]);
    expect(labels(Number.NaN, Number.NaN, Number.NaN)).toEqual([]);
  });
});
