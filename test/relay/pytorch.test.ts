/**
 * Losses, logits and every gradient against PyTorch in float64, for five ways to train the same trunk.
 *
 * The weights, the images and the reference values lie in test/fixtures; scripts/reference-gradients.py made them,
 * with one `torch.autograd.grad` per loss over the parameters in its range.
 */
import { describe, expect, test } from 'vitest';
import { onEveryEngine } from './engines.js';
import {
  fixturePlan,
  fixtureTensors,
  MODES,
  relativeError,
  runStep,
  startingWith,
} from './harness.js';

/** |difference| / |reference| of each tensor. Float32 itself takes about 1e-6. */
const TOLERANCE = 1e-4;

onEveryEngine((engine) => {
  describe.each([
    ...MODES.map((mode) => [mode, mode] as const),
    ['three-loss-soft', 'three-loss'] as const, // targets that are mixed and smoothed
    ['three-loss-class-weights', 'three-loss'] as const,
    ['three-loss-class-weights-soft', 'three-loss'] as const,
  ])('%s', (fixture, mode) => {
    const reference = fixtureTensors(fixture);
    const weights = [...startingWith('batch.classWeights/', reference)];
    const classWeights = new Map(
      weights.map(([loss, { values }]) => [loss, Float64Array.from(values)]),
    );
    const plan = { ...fixturePlan(mode), classWeights };
    const run = () =>
      runStep(plan, engine(), {
        weights: startingWith('weight/', reference),
        batch: {
          images: reference.get('batch.images')!.values,
          labels: Int32Array.from(reference.get('batch.labels')!.values),
          targets: reference.get('batch.targets')?.values,
        },
      });

    test('losses, logits and gradients equal those of PyTorch', () => {
      const found = run();
      const all = new Map<string, ArrayLike<number>>([
        ...[...found.losses].map(([name, loss]) => [`loss/${name}`, [loss]] as const),
        ...[...found.logits].map(([name, logits]) => [`logits/${name}`, logits] as const),
        ...[...found.gradients].map(([name, values]) => [`gradient/${name}`, values] as const),
      ]);
      const expected = [...reference].filter(([name]) => !/^(batch\.|weight\/)/.test(name));
      expect([...all.keys()].sort()).toEqual(expected.map(([name]) => name).sort());
      const tooFar = expected
        .map(([name, { values }]) => ({ name, error: relativeError(all.get(name)!, values) }))
        .filter(({ error }) => !(error <= TOLERANCE));
      expect(tooFar).toEqual([]);
    });

    test('every reference gradient differs from zero, so that none is right by accident', () => {
      for (const [name, { values }] of startingWith('gradient/', reference)) {
        expect(
          values.some((value) => value !== 0),
          name,
        ).toBe(true);
      }
    });
  });
});
