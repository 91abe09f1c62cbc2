/** One optimizer step: updates at once or after, the same weights; a loss that is not finite leaves nothing to save. */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { Batch } from '../../src/data/loader/loader.js';
import type { Engine } from '../../src/engine/engine.js';
import { TrainingError } from '../../src/errors.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { planStep } from '../../src/relay/step-plan.js';
import { trainStep } from '../../src/train/train-step.js';
import { onEveryEngine } from '../relay/engines.js';
import { randomBatch } from '../relay/harness.js';
import { SMALL_CONFIG } from '../support/configs.js';

const planWith = (...overrides: string[]): ExperimentPlan =>
  planExperiment(parseConfig(SMALL_CONFIG, 'test', ['training.microBatch=8', ...overrides]));

interface Trained {
  error: unknown;
  parameters: Parameters;
  /** Everything that a checkpoint would hold. */
  saved(): Map<string, number[]>;
}

/** Trains for some steps, or until one fails. The caller disposes of the parameters. */
async function trainFor(
  engine: Engine,
  plan: ExperimentPlan,
  steps: number,
  change: (parameters: Parameters) => void = () => {},
  lr = 0.1,
): Promise<Trained> {
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, 1);
  change(parameters);
  const network = new NetworkRuntime(engine, layers, parameters, 1);
  const saved = (): Map<string, number[]> => {
    const slots = ['momentum', 'm', 'v', 'ema'] as const;
    const kept = slots.flatMap((slot) =>
      [...parameters.snapshotSlot(slot)].map(([name, t]) => [`${slot}/${name}`, t] as const),
    );
    const all = [...parameters.snapshot(), ...kept];
    return new Map(all.map(([name, { values }]) => [name, [...values]]));
  };
  let error: unknown = null;
  try {
    for (let step = 0; step < steps; step++) {
      const size = plan.microBatch;
      const { images, labels } = randomBatch(plan, size, step + 1);
      const batch: Batch = { images, labels, size, indices: new Int32Array(size), release() {} };
      const next = (): Promise<Batch> => Promise.resolve(batch);
      await trainStep({ plan, network, parameters, next }, { step, lr });
    }
  } catch (caught) {
    error = caught;
  }
  return { error, parameters, saved };
}

test('updates follow at once where the step has one micro-batch and no norm to clip by', () => {
  expect(planWith().updateAtOnce).toBe(true);
  expect(planWith('training.microBatch=4').updateAtOnce).toBe(false);
  expect(planWith('optimizer.clipNorm=5').updateAtOnce).toBe(false);
});

onEveryEngine((engine) => {
  test.each(['{lr: 0.1, weightDecay: 0.01}', '{type: adamw, lr: 0.01, ema: 0.9}'])(
    'at once or after: bit-identical weights and optimizer state, %s',
    async (optimizer) => {
      const plan = planWith(`optimizer=${optimizer}`);
      const runs = [];
      for (const updateAtOnce of [true, false]) {
        const { error, parameters, saved } = await trainFor(engine(), { ...plan, updateAtOnce }, 3);
        expect(error).toBeNull();
        runs.push(saved());
        parameters.dispose();
      }
      expect(runs[0]!.size).toBeGreaterThan(10);
      expect(runs[0]).toEqual(runs[1]);
    },
  );

  const weightsOf = (parameters: Parameters): number[] => [
    ...engine().read(parameters.value('conv1_1.weight')),
  ];
  const breaking =
    (bias: string) =>
    (parameters: Parameters): void => {
      engine().assign(parameters.value(bias), new Float32Array(3).fill(Number.NaN));
    };
  // In this order the layers below seg3 are updated before the primary loss is known.
  const plan = planWith('losses.primary.range.downTo=seg3');
  const { trunk, losses, heads } = plan;
  const disjoint = { ...plan, step: planStep(trunk, losses, heads, { early: true }) };

  test('a loss that is not finite after layers were updated: the step is named, and cannot be saved', async () => {
    expect(disjoint.updateAtOnce).toBe(true);
    const { parameters: initial } = await trainFor(engine(), disjoint, 0);
    const run = await trainFor(engine(), disjoint, 1, breaking('primary.fc1.bias'));
    expect(run.error).toBeInstanceOf(TrainingError);
    expect((run.error as TrainingError).message).toMatch(/step 1: the loss "primary" is NaN/);
    expect(weightsOf(run.parameters)).not.toEqual(weightsOf(initial));
    expect(run.saved).toThrow(TrainingError);
    expect(run.saved).toThrow(/was not finished: they are not saved/);
    for (const parameters of [initial, run.parameters]) parameters.dispose();
  });

  test('a loss that is not finite changes nothing itself', async () => {
    const { parameters: initial } = await trainFor(engine(), disjoint, 0);
    const run = await trainFor(engine(), disjoint, 1, breaking('auxiliary.fc1.bias'));
    expect((run.error as TrainingError).message).toMatch(/the loss "auxiliary" is NaN/);
    expect(weightsOf(run.parameters)).toEqual(weightsOf(initial));
    for (const parameters of [initial, run.parameters]) parameters.dispose();
  });

  describe('maps and weights that are not finite, though a maximum hides them from the loss', () => {
    // Pooling and what follows sees numbers: on oneDNN no loss tells of a NaN below it.
    const messages = async (
      plan: ExperimentPlan,
      change: (parameters: Parameters) => void,
      lr?: number,
    ): Promise<string> => {
      const run = await trainFor(engine(), plan, 12, change, lr);
      run.parameters.dispose();
      expect(run.error).toBeInstanceOf(TrainingError);
      return (run.error as TrainingError).message;
    };
    const fill = (name: string, value: number) => (parameters: Parameters) => {
      const { shape } = parameters.plan(name);
      const size = shape.reduce((product, length) => product * length, 1);
      engine().assign(parameters.value(name), new Float32Array(size).fill(value));
    };
    const plans = [planWith(), planWith('training.microBatch=4'), planWith('optimizer.clipNorm=5')];

    test.each([0, 1, 2])(
      'a weight that is no number: the first step names it, plan %d',
      async (i) => {
        const message = await messages(plans[i]!, fill('conv1_1.weight', Number.NaN));
        expect(message).toMatch(/^step 1: .*(weights are no longer finite|is NaN)/);
        expect(message).toMatch(/weights that are not finite: .*conv1_1\.weight/);
      },
    );

    test('an update that overflows: the very step names it', async () => {
      const message = await messages(planWith(), () => {}, 1e39);
      expect(message).toMatch(/^step 1: weights are no longer finite\n/);
    });

    test('maps that overflow in training: the same step on every engine', async () => {
      const message = await messages(planWith(), () => {}, 1e20);
      expect(message).toMatch(/^step 3: the loss "auxiliary" is NaN\n/);
    });

    test('logits that are infinite and right are no loss, and not finite', async () => {
      const plan = planWith('training.batchSize=1', 'training.microBatch=1');
      const [label] = randomBatch(plan, 1, 1).labels;
      const bias = Float32Array.from({ length: 3 }, (_, i) => (i === label ? 0 : -Infinity));
      const message = await messages(plan, (parameters) => {
        engine().assign(parameters.value('primary.fc1.bias'), bias);
      });
      expect(message).toMatch(/^step 1: the logits of "primary" are not finite\n/);
    });
  });

  test('what a step that fails before it began leaves can be saved', async () => {
    const plan = planWith();
    const run = await trainFor(engine(), plan, 2);
    const network = new NetworkRuntime(engine(), [...plan.layers.values()], run.parameters, 1);
    const gone = (): Promise<Batch> => Promise.reject(new Error('no images'));
    const whole = run.saved();
    const { parameters } = run;
    const step = trainStep({ plan, network, parameters, next: gone }, { step: 2, lr: 0.1 });
    await expect(step).rejects.toThrow('no images');
    expect(run.saved()).toEqual(whole);
    run.parameters.dispose();
  });
});
