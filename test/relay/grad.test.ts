/** `relaybp grad` without its files: what the batch's gradients are named, and that the losses' shares add up. */
import { expect, test } from 'vitest';
import { batchGradients } from '../../src/train/batch-gradients.js';
import { onEveryEngine } from './engines.js';
import { fixturePlan, randomBatch, relativeError, startingWith } from './harness.js';

onEveryEngine((engine) => {
  const plan = fixturePlan('three-loss', 'training.batchSize=4', 'training.microBatch=2');
  const batch = randomBatch(plan, 4);

  test('the file holds batch, weights, gradients, logits, losses and each share in a gradient', () => {
    const { tensors, losses } = batchGradients(plan, engine(), batch, true);
    expect(tensors.get('batch.images')!.shape).toEqual([4, 22, 22, 3]);
    expect(tensors.get('batch.labels')!.values).toEqual(Float32Array.from(batch.labels));
    for (const { name } of plan.losses) {
      expect(tensors.get(`logits/${name}`)!.shape).toEqual([4, 5]);
      expect(tensors.get(`loss/${name}`)).toEqual({
        shape: [],
        values: Float32Array.of(losses[name]!),
      });
    }
    const weights = startingWith('weight/', tensors);
    const gradients = startingWith('gradient/', tensors);
    expect([...gradients.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [parameter, { shape, values }] of gradients) {
      expect(shape).toEqual(weights.get(parameter)!.shape);
      const shares = plan.losses.flatMap(({ name }) => {
        const share = tensors.get(`gradient-of/${name}/${parameter}`);
        return share ? [share.values] : [];
      });
      const sum = values.map((_, i) => shares.reduce((total, share) => total + share[i]!, 0));
      expect(relativeError(sum, values), parameter).toBeLessThan(1e-5);
    }
    const shares = startingWith('gradient-of/', tensors);
    expect(shares.has('aux4/branch3_1.p2.conv1.weight')).toBe(true);
    expect(shares.has('aux4/conv2_1.weight')).toBe(false);
  });

  test('without the shares unless asked for', () => {
    const { tensors } = batchGradients(plan, engine(), batch, false);
    expect(startingWith('gradient-of/', tensors).size).toBe(0);
  });
});
