import { expect, test } from 'vitest';
import { dominantLabels, softTargets } from '../../src/experiment/targets.js';

const labels = Int32Array.of(0, 2, 1, -1);
const mixed = {
  labels: Int32Array.of(1, 2, 3, 0),
  indices: new Int32Array(4),
  shares: Float32Array.of(0.75, 0.5, 0.25, 1),
};
const close = (found: Float32Array | null, expected: number[]) => {
  expect(found!.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(found![i]).toBeCloseTo(value, 6);
};

test('labels alone need no soft targets', () => {
  expect(softTargets({ labels }, 4, 0)).toBeNull();
  expect(softTargets({ labels, mixed: null }, 4, 0)).toBeNull();
});

test('smoothing: (1 - s) * label + s / classes; a row that does not count is zero', () => {
  const [off, on] = [0.05, 0.85]; // s = 0.2, 4 classes
  close(softTargets({ labels }, 4, 0.2), [
    ...[on, off, off, off],
    ...[off, off, on, off],
    ...[off, on, off, off],
    ...[0, 0, 0, 0],
  ]);
});

test('mixing: the shares of both labels, one if they are the same', () => {
  close(softTargets({ labels, mixed }, 4, 0), [
    ...[0.75, 0.25, 0, 0],
    ...[0, 0, 1, 0],
    ...[0, 0.25, 0, 0.75],
    ...[0, 0, 0, 0],
  ]);
});

test('mixing and smoothing', () => {
  close(softTargets({ labels, mixed }, 4, 0.2)!.subarray(0, 4), [0.65, 0.25, 0.05, 0.05]);
});

test('the dominant label is the one of the larger part', () => {
  expect([...dominantLabels({ labels, mixed })]).toEqual([0, 2, 3, -1]);
  expect([...dominantLabels({ labels })]).toEqual([...labels]);
});
