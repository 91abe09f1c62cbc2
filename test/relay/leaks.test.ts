/** A step leaves no tensor behind, whether it ends well or not. `onEveryEngine` checks the same after each test. */
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { emptySums, type StepSums } from '../../src/relay/step.js';
import { onEveryEngine } from './engines.js';
import { fixturePlan, MODES, randomBatch, randomWeights, runPart, withNetwork } from './harness.js';

onEveryEngine((engine) => {
  describe.each(MODES)('%s', (mode) => {
    const plan = fixturePlan(mode);
    const weights = randomWeights(plan);
    const batch = randomBatch(plan, 2);

    test('the number of tensors is the same after every step', () => {
      withNetwork(plan, engine(), weights, (network) => {
        const before = engine().tensorCount();
        for (let step = 0; step < 3; step++) {
          network.train(step, 0);
          const sums = emptySums();
          runPart(plan, network, plan.step, batch, [0, 2], sums);
          // All that a micro-batch leaves is the gradients it returns.
          expect(engine().tensorCount()).toBe(before + sums.gradients.size);
          dispose(engine(), sums);
          expect(engine().tensorCount()).toBe(before);
        }
      });
    });

    test.each(plan.losses.map(({ name }) => name))('also when the loss %s fails', (loss) => {
      withNetwork(plan, engine(), weights, (network) => {
        const before = engine().tensorCount();
        const sums = emptySums();
        const fail = (name: string): void => {
          if (name === loss) throw new Error(`${name} fails`);
        };
        expect(() => runPart(plan, network, plan.step, batch, [0, 2], sums, fail)).toThrow(
          `${loss} fails`,
        );
        dispose(engine(), sums);
        expect(engine().tensorCount()).toBe(before);
      });
    });

    test('also when the engine refuses a label', () => {
      withNetwork(plan, engine(), weights, (network) => {
        const before = engine().tensorCount();
        const sums = emptySums();
        const wrong = { ...batch, labels: Int32Array.of(0, plan.network.classes) };
        expect(() => runPart(plan, network, plan.step, wrong, [0, 2], sums)).toThrow(/label/);
        dispose(engine(), sums);
        expect(engine().tensorCount()).toBe(before);
      });
    });
  });
});

function dispose(engine: Engine, sums: StepSums): void {
  for (const gradient of sums.gradients.values()) engine.dispose(gradient);
}
