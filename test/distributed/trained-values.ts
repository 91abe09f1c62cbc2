import { join } from 'node:path';
import { expect } from 'vitest';
import { openCheckpoint } from '../../src/run/checkpoint.js';

interface Values {
  weights: Map<string, Float32Array>;
  optimizer: Map<string, Float32Array>;
}

/** What a run has after a step. */
export function valuesOf(run: string, step: number): Values {
  const checkpoint = openCheckpoint(join(run, 'checkpoints', `step-${step}`));
  const of = (file: 'weights' | 'optimizer') =>
    new Map([...checkpoint.tensors(file)].map(([name, { values }]) => [name, values]));
  return { weights: of('weights'), optimizer: of('optimizer') };
}

/** Weights and momenta to the bit; running statistics, which are no part of the training, to a millionth. */
export function expectSame(got: Values, wanted: Values): void {
  expect(got.optimizer).toEqual(wanted.optimizer);
  expect([...got.weights.keys()]).toEqual([...wanted.weights.keys()]);
  for (const [name, values] of wanted.weights) {
    const own = got.weights.get(name)!;
    if (!/\.running/.test(name)) expect(own, name).toEqual(values);
    else {
      values.forEach((value, i) => {
        expect(Math.abs(own[i]! - value), `${name}[${i}]`).toBeLessThanOrEqual(
          1e-6 * Math.abs(value) + 1e-9,
        );
      });
    }
  }
}

/** The largest difference between two tensors of one name, as a share of the largest value of that. */
export function largestDifference(
  got: ReadonlyMap<string, Float32Array>,
  wanted: ReadonlyMap<string, Float32Array>,
): number {
  expect([...got.keys()]).toEqual([...wanted.keys()]);
  return Math.max(
    ...[...wanted].map(([name, values]) => {
      const own = got.get(name)!;
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const apart = values.reduce((most, v, i) => Math.max(most, Math.abs(v - own[i]!)), 0);
      return largest === 0 ? apart : apart / largest;
    }),
  );
}
