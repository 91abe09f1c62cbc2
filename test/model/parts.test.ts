/** Fully connected weights that are held in parts: the same network, checkpoints and training. */
import { describe, expect, test } from 'vitest';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { cutPart, joinParts, partsOf } from '../../src/model/parts.js';
import { emptySums } from '../../src/relay/step.js';
import type { NamedTensor } from '../../src/safetensors.js';
import { onEveryEngine } from '../relay/engines.js';
import { randomBatch, randomWeights, relativeError, runPart } from '../relay/harness.js';
import { planOf } from './planning.js';

const plan = planOf({
  size: 4,
  classes: 3,
  segments: ['[conv: {filters: 2, kernel: 3}]'],
  losses: [
    '{name: primary, after: seg1, head: [fc: {units: 7, relu: true}, fc: {units: classes}]}',
  ],
  batchSize: 2,
});
const [fc1, fc2] = plan.network.heads[0]!.layers;
const layers = [...plan.layers.values()];
/** Bytes of three columns of fc1's weight, [32, 7]. */
const THREE_COLUMNS = 3 * 32 * 4;

describe('partsOf', () => {
  test('cuts weight and bias along the same columns, as evenly as whole columns go', () => {
    const parts = partsOf(fc1!, THREE_COLUMNS).map((each) => each.map(({ name }) => name));
    expect(parts).toEqual([
      ['primary.fc1.weight[:, 0:3]', 'primary.fc1.weight[:, 3:6]', 'primary.fc1.weight[:, 6:7]'],
      ['primary.fc1.bias[0:3]', 'primary.fc1.bias[3:6]', 'primary.fc1.bias[6:7]'],
    ]);
    const widths = partsOf(fc1!, 4 * 32 * 4)[0]!.map(({ shape }) => shape);
    expect(widths).toEqual([
      [32, 4],
      [32, 3],
    ]);
  });

  test('leaves whole what is small, and everything but fully connected layers', () => {
    expect(partsOf(fc2!, THREE_COLUMNS)[0]).toMatchObject([{ name: 'primary.fc2.weight' }]);
    expect(partsOf(layers[0]!, 1)[0]).toMatchObject([{ name: 'conv1_1.weight' }]);
  });

  test('a column that is larger than a part is one', () => {
    expect(partsOf(fc1!, 1)[0]).toHaveLength(7);
  });

  test('values are cut and joined by columns', () => {
    const values = Float32Array.from({ length: 32 * 7 }, (_, i) => i);
    const parts = partsOf(fc1!, THREE_COLUMNS)[0]!;
    expect([...cutPart(values, parts[1]!).subarray(0, 6)]).toEqual([3, 4, 5, 10, 11, 12]);
    expect([...cutPart(values, parts[2]!).subarray(0, 2)]).toEqual([6, 13]);
    const cut = parts.map((part) => ({ plan: part, values: cutPart(values, part) }));
    expect(joinParts(cut)).toEqual(values);
  });
});

onEveryEngine((engine) => {
  const weights = randomWeights(plan);
  const batch = randomBatch(plan, 2);
  const run = (largest: number) => {
    const parameters = new Parameters(engine(), layers, weights, largest);
    const network = new NetworkRuntime(engine(), layers, parameters, 1);
    const sums = emptySums();
    let logits: number[] = [];
    network.train(0, 0);
    runPart(plan, network, plan.step, batch, [0, 2], sums, (_, t) => {
      logits = [...engine().read(t)];
    });
    const gradients = new Map(
      [...sums.gradients].map(([name, t]) => {
        const values = engine().read(t);
        engine().dispose(t);
        return [name, values] as const;
      }),
    );
    parameters.dispose();
    return { logits, gradients };
  };

  test('outputs and gradients are those of the whole', () => {
    const whole = run(Number.POSITIVE_INFINITY);
    const parted = run(THREE_COLUMNS);
    expect(relativeError(parted.logits, whole.logits)).toBeLessThan(1e-6);
    expect(parted.gradients.size).toBe(whole.gradients.size + 4);
    const joined = new Map(parted.gradients);
    for (const parts of partsOf(fc1!, THREE_COLUMNS)) {
      const found = parts.map((part) => ({ plan: part, values: parted.gradients.get(part.name)! }));
      joined.set(parts[0]!.whole.name, joinParts(found));
    }
    for (const [name, gradient] of whole.gradients) {
      expect(relativeError(joined.get(name)!, gradient), name).toBeLessThan(1e-6);
    }
  });

  test('checkpoints know nothing of parts', () => {
    const parameters = new Parameters(engine(), layers, weights, THREE_COLUMNS);
    const values = (tensors: ReadonlyMap<string, NamedTensor>) =>
      [...tensors].map(([name, { shape, values }]) => [name, [...shape], [...values]]);
    expect(values(parameters.snapshot())).toEqual(values(weights));
    expect(parameters.names()).toContain('primary.fc1.bias[3:6]');
    parameters.restoreSlot('momentum', weights);
    expect(values(parameters.snapshotSlot('momentum'))).toEqual(values(weights));
    parameters.dispose();
  });

  test('initial values do not depend on it', () => {
    const [parted, whole] = [THREE_COLUMNS, Number.POSITIVE_INFINITY].map((largest) => {
      const parameters = new Parameters(engine(), layers, 5, largest);
      const found = [...parameters.snapshot()].map(([name, { values }]) => [name, [...values]]);
      parameters.dispose();
      return found;
    });
    expect(parted).toEqual(whole);
  });
});
