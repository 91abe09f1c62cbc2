import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import type { NetworkRuntime } from '../../src/model/network-runtime.js';
import { onEveryEngine } from '../relay/engines.js';
import { withNetwork } from '../relay/harness.js';
import { planOf } from './planning.js';

const plan = planOf({
  size: 20,
  segments: ['[dropout: 0.4]', '[branches: {paths: [[dropout: 0.4], [relu: {}]]}]'],
});
const ones = new Float32Array(20 * 20 * 3).fill(1);

onEveryEngine((engine) => {
  /** A layer's output on an image of ones, and the input gradient of a signal of ones. */
  function through(network: NetworkRuntime, name: string): { y: number[]; dx: number[] } {
    const on: Engine = engine();
    const x = on.tensor(ones, [1, 20, 20, 3]);
    const { y, pass } = network.layer(name).forward(x);
    const signal = on.tensor(new Float32Array(on.read(y).length).fill(1), y.shape);
    const [dx] = pass.backward([signal], [true], null);
    const found = { y: [...on.read(y)], dx: [...on.read(dx!)] };
    pass.release();
    for (const t of [x, y, dx!]) on.dispose(t);
    return found;
  }
  function run(body: (network: NetworkRuntime) => void): void {
    const zeros = { shape: [20 * 20 * 6, 2], values: new Float32Array(20 * 20 * 6 * 2) };
    const weights = new Map([
      ['primary.fc1.weight', zeros],
      ['primary.fc1.bias', { shape: [2], values: new Float32Array(2) }],
    ]);
    withNetwork(plan, engine(), weights, body);
  }

  test('in training dropout zeroes its share of the values and scales the others by 1 / (1 - rate)', () => {
    run((network) => {
      network.train(0, 0);
      const { y, dx } = through(network, 'dropout1_1');
      expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.6)]));
      const dropped = y.filter((value) => value === 0).length / y.length;
      expect(Math.abs(dropped - 0.4)).toBeLessThan(4 * Math.sqrt((0.4 * 0.6) / y.length));
      expect(dx).toEqual(y);
    });
  });

  test('so does dropout inside branches', () => {
    run((network) => {
      network.train(0, 0);
      const { y } = through(network, 'branch2_1');
      expect(y.filter((value) => value === 0).length).toBeGreaterThan(y.length / 10);
    });
  });

  test('the mask derives from the step, the micro-batch and the layer', () => {
    run((network) => {
      const mask = (step: number, microBatch: number): number[] => {
        network.train(step, microBatch);
        return through(network, 'dropout1_1').y;
      };
      expect(mask(3, 1)).toEqual(mask(3, 1));
      expect(mask(3, 1)).not.toEqual(mask(3, 0));
      expect(mask(3, 1)).not.toEqual(mask(2, 1));
    });
  });

  test('at test time dropout passes everything on, also after training', () => {
    run((network) => {
      expect(through(network, 'dropout1_1')).toEqual({ y: [...ones], dx: [...ones] });
      network.train(0, 0);
      network.test();
      expect(through(network, 'dropout1_1')).toEqual({ y: [...ones], dx: [...ones] });
    });
  });
});
