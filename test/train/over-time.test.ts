/**
 * Losses that change over the training: weights, ranges, switched on and off. Against PyTorch, step by step with the
 * optimizer's state going on (scripts/reference-training.py), and against finite differences in every phase.
 */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/data/loader/loader.js';
import type { Engine } from '../../src/engine/engine.js';
import type { ExperimentPlan } from '../../src/experiment/experiment-plan.js';
import { inPhase, planAt } from '../../src/experiment/moment.js';
import { Timeline } from '../../src/experiment/timeline.js';
import { volume } from '../../src/model/layers/layer-plan.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { trainStep } from '../../src/train/train-step.js';
import { onEveryEngine } from '../relay/engines.js';
import {
  fixturePlan,
  fixtureTensors,
  randomBatch,
  randomWeights,
  relativeError,
  runStep,
  startingWith,
} from '../relay/harness.js';
import { slopeError, slopeOf } from '../relay/slopes.js';

const STEPS = 12;
const OPTIMIZERS = {
  sgd: '{lr: 0.05, weightDecay: 0.01}',
  adamw: '{type: adamw, lr: 0.01, epsilon: 0.001, weightDecay: 0.05}',
};

const timeline = Timeline.begin({ stepsPerEpoch: 5, batchSize: 4, images: 20 });
const durations = { timeline, length: '12 steps' };

/** Weights after the training, and each loss by step; undefined where it was off. */
async function trained(engine: Engine, plan: ExperimentPlan, reference: Fixture) {
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, startingWith('weight/', reference));
  const network = new NetworkRuntime(engine, layers, parameters, 1);
  const size = plan.microBatch;
  const perBatch = size * volume(plan.network.input);
  const losses: Map<string, number>[] = [];
  try {
    for (let step = 0; step < STEPS; step++) {
      const at = step % 3;
      const batch: Batch = {
        images: reference.get('images')!.values.slice(at * perBatch, (at + 1) * perBatch),
        labels: Int32Array.from(reference.get('labels')!.values.slice(at * size, (at + 1) * size)),
        size,
        indices: new Int32Array(size),
        release() {},
      };
      const now = planAt(plan, step, durations);
      const parts = { plan: now, network, parameters, next: () => Promise.resolve(batch) };
      const { lr } = plan.config.optimizer;
      losses.push((await trainStep(parts, { step, lr })).losses);
    }
    const rested = Object.fromEntries(
      parameters.names().map((name) => [name, parameters.restedSteps(name)]),
    );
    const values = [...parameters.snapshot()].map(
      ([name, { values }]) => [name, values.slice()] as const,
    );
    return { weights: new Map(values), losses, rested };
  } finally {
    parameters.dispose();
  }
}
type Fixture = ReturnType<typeof fixtureTensors>;

onEveryEngine((engine) => {
  describe.each(['sgd', 'adamw'] as const)('%s, as PyTorch', (type) => {
    const reference = fixtureTensors(`over-time-${type}`);
    const classWeights = new Map(
      [...startingWith('classWeights/', reference)].map(([loss, { values }]) => [
        loss,
        Float64Array.from(values),
      ]),
    );
    const whole = fixturePlan('over-time', `optimizer=${OPTIMIZERS[type]}`);
    const plan = { ...whole, classWeights };

    test('weights after twelve steps in four phases, and every loss on the way', async () => {
      const { weights, losses, rested } = await trained(engine(), plan, reference);
      for (const [name, { values }] of startingWith('after/', reference)) {
        const before = reference.get(`weight/${name}`)!.values;
        const moved = (to: Float32Array) => to.map((value, i) => value - before[i]!);
        // Of how far it has come, not of how large it is.
        const error = relativeError(moved(weights.get(name)!), moved(values));
        expect(error, name).toBeLessThan(2e-4);
        expect(Math.max(...moved(values).map(Math.abs)), name).toBeGreaterThan(1e-3);
      }
      for (const [name, { values }] of startingWith('losses/', reference)) {
        for (const [step, expected] of values.entries()) {
          const found = losses[step]!.get(name);
          if (expected === -1) expect(found, `${name}, step ${step}`).toBeUndefined();
          else expect(found, `${name}, step ${step}`).toBeCloseTo(expected, 4);
        }
      }
      expect(rested).toMatchObject({
        'conv1_1.weight': 0,
        'conv3_1.weight': 3,
        'res4_1.body.conv1.bias': 3,
        'high.fc1.weight': 7,
        'low.fc1.bias': 3,
        'primary.fc1.weight': 0,
      });
    });
  });
});

describe('the gradients of every phase are the slopes of the losses that are on', () => {
  const plan = fixturePlan('over-time', 'training.batchSize=3');
  const weights = randomWeights(plan);
  const batch = randomBatch(plan, 3);
  const lowest = ['conv1_1', 'conv2_1', 'conv2_1_bn'];
  const upper = ['conv3_1', 'res4_1.body.conv1'];
  /** Written by hand from test/fixtures/over-time.yaml: the trunk's layers by phase and loss. */
  const TRAINS: Record<string, string[]>[] = [
    { primary: upper, low: lowest },
    { primary: [], low: lowest },
    { primary: [...lowest.slice(1), ...upper], low: lowest, high: [...lowest.slice(1), upper[0]!] },
    { primary: [...lowest.slice(1), ...upper], high: [...lowest, upper[0]!] },
  ];
  const FACTORS = { primary: 2, low: 0.5, high: 1.5 };

  onEveryEngine((engine) => {
    test.each([0, 1, 2, 3])('phase %i', (i) => {
      const phase = plan.phases[i]!;
      const losses = phase.losses.map((loss) => {
        return { ...loss, weight: FACTORS[loss.name as keyof typeof FACTORS] };
      });
      const now = inPhase(plan, { ...phase, losses });
      const trains = TRAINS[i]!;
      expect(losses.map(({ name }) => name)).toEqual(Object.keys(trains));
      const { gradients } = runStep(now, engine(), { weights, batch });
      const expected = [...weights.keys()].filter((name) => {
        const layer = name.replace(/\.(weight|bias)$/, '');
        const head = name.split('.')[0]!;
        return head in trains || Object.values(trains).some((layers) => layers.includes(layer));
      });
      expect([...gradients.keys()].sort()).toEqual(expected.sort());
      for (const [parameter, gradient] of gradients) {
        if (parameter.startsWith('conv2_1.')) continue; // before a normalization: rounding alone moves it
        const layer = parameter.replace(/\.(weight|bias)$/, '');
        const trainers = Object.keys(trains).filter((loss) => {
          return trains[loss]!.includes(layer) || parameter.startsWith(`${loss}.`);
        });
        const slope = slopeOf({ plan: now, weights, batch, dropout: false }, parameter);
        expect(slopeError(slope, gradient, trainers, FACTORS), parameter).toBeLessThan(1e-5);
      }
    });
  });
});
