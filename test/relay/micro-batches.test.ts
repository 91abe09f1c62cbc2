/** Micro-batches change memory, not gradients: over a batch they add up to the whole batch's. */
import { expect, test } from 'vitest';
import { onEveryEngine } from './engines.js';
import { fixturePlan, randomBatch, randomWeights, relativeError, runStep } from './harness.js';

onEveryEngine((engine) => {
  const plan = fixturePlan('three-loss');
  const weights = randomWeights(plan);

  test.each([
    [1, 'labels'],
    [2, 'labels'],
    [3, 'labels'],
    [2, 'soft targets'],
  ] as const)(
    'micro-batches of %d images add up to the batch of 6, with %s',
    (microBatch, kind) => {
      const { classes } = plan.network;
      const hard = randomBatch(plan, 6);
      const targets = new Float32Array(6 * classes).fill(0.1 / classes);
      hard.labels.forEach((label, i) => {
        targets[i * classes + label]! += 0.9;
      });
      const batch = kind === 'labels' ? hard : { ...hard, targets };
      const whole = runStep(plan, engine(), { weights, batch });
      const parts = runStep(plan, engine(), { weights, batch, microBatch });
      expect([...parts.gradients.keys()]).toEqual([...whole.gradients.keys()]);
      for (const [name, gradient] of whole.gradients) {
        expect(relativeError(parts.gradients.get(name)!, gradient), name).toBeLessThan(1e-5);
      }
      for (const [name, loss] of whole.losses) {
        expect(parts.losses.get(name), name).toBeCloseTo(loss, 5);
      }
    },
  );

  test('a row with the label -1 does not count, apart from the divisor', () => {
    const { images, labels } = randomBatch(plan, 4);
    const padded = runStep(plan, engine(), {
      weights,
      batch: { images, labels: Int32Array.of(labels[0]!, labels[1]!, labels[2]!, -1) },
    });
    const three = {
      images: images.subarray(0, (images.length / 4) * 3),
      labels: labels.subarray(0, 3),
    };
    const alone = runStep(plan, engine(), { weights, batch: three });
    for (const [name, gradient] of alone.gradients) {
      const scaled = gradient.map((value) => value * 0.75);
      expect(relativeError(padded.gradients.get(name)!, scaled), name).toBeLessThan(1e-5);
    }
  });
});
