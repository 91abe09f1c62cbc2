/** Gradients measured by loss: the numbers, and that a training does not notice it is being measured. */
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import type { ExperimentPlan } from '../../src/experiment/experiment-plan.js';
import { Timeline } from '../../src/experiment/timeline.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { planStep } from '../../src/relay/step-plan.js';
import type { GradientRow } from '../../src/run/gradient-row.js';
import { gradientDiagnostics } from '../../src/train/gradient-diagnostics.js';
import { trainStep } from '../../src/train/train-step.js';
import { planOf } from '../model/planning.js';
import { onEveryEngine } from '../relay/engines.js';
import { fixturePlan, randomBatch, randomWeights, runStep } from '../relay/harness.js';
import { microBatches } from '../support/micro-batches.js';

const measured = (plan: ExperimentPlan): ExperimentPlan => ({
  ...plan,
  config: { ...plan.config, diagnostics: { gradients: 'every 1 step' } },
});

/** Trains, and measures every step if the plan says so. @returns rows, and the bits of all parameters */
async function training(plan: ExperimentPlan, engine: Engine, steps: number[]) {
  const weights = randomWeights(plan);
  const { images, labels } = randomBatch(plan, plan.config.training.batchSize);
  const rows: GradientRow[] = [];
  const next = microBatches(plan.microBatch, { images, labels });
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, weights);
  const network = new NetworkRuntime(engine, layers, parameters, plan.config.seed);
  const { batchSize } = plan.config.training;
  const timeline = Timeline.begin({ stepsPerEpoch: 1, batchSize, images: batchSize });
  const diagnostics = gradientDiagnostics(plan, network, parameters, timeline);
  for (const step of steps) {
    const probe = diagnostics?.probe(step, plan);
    await trainStep({ plan, network, parameters, next }, { step, lr: 0.05, probe });
    if (probe) rows.push(probe.row(step));
  }
  const bits = [...parameters.snapshot()].map(
    ([name, { values }]) => [name, Buffer.from(values.buffer).toString('base64')] as const,
  );
  diagnostics?.dispose();
  parameters.dispose();
  return { rows, bits: new Map(bits) };
}

onEveryEngine((engine) => {
  const options = ['training.batchSize=4', 'training.microBatch=2'];

  test.each(['standard', 'multi-loss', 'relay', 'disjoint', 'three-loss'])(
    '%s: mean |gradient| in total and by loss, and cosines, as gradients taken loss by loss give them',
    async (mode) => {
      const plan = measured(fixturePlan(mode, ...options));
      const row = (await training(plan, engine(), [5])).rows[0]!;
      const step = {
        weights: randomWeights(plan),
        batch: randomBatch(plan, 4),
        dropout: true, // with the masks of step 5
        microBatch: 2,
      };
      const total = runStep(plan, engine(), step).gradients;
      const alone = plan.losses.map((loss) => ({
        name: loss.name,
        gradients: runStep(plan, engine(), {
          ...step,
          step: planStep(plan.trunk, [loss], plan.heads),
        }).gradients,
      }));
      const weights = [...total.keys()].filter((name) => name.endsWith('.weight'));
      expect(row.layers.map(({ layer }) => `${layer}.weight`).sort()).toEqual(weights.sort());
      let overlaps = 0;
      for (const layer of row.layers) {
        const name = `${layer.layer}.weight`;
        expect(layer.weight).toBeCloseTo(mean(step.weights.get(name)!.values), 6);
        near(layer.gradient, mean(total.get(name)!));
        const sharing = alone.filter(({ gradients }) => gradients.has(name));
        expect(Object.keys(layer.byLoss)).toEqual(sharing.map(({ name: loss }) => loss));
        for (const { name: loss, gradients } of sharing) {
          near(layer.byLoss[loss]!, mean(gradients.get(name)!));
        }
        const pairs = sharing.flatMap((a, i) => sharing.slice(i + 1).map((b) => [a, b] as const));
        expect(layer.cosines ?? []).toHaveLength(pairs.length);
        overlaps += pairs.length;
        for (const [i, [a, b]] of pairs.entries()) {
          expect(layer.cosines![i]!.losses).toEqual([a.name, b.name]);
          const expected = angle(a.gradients.get(name)!, b.gradients.get(name)!);
          expect(layer.cosines![i]!.cosine).toBeCloseTo(expected, 4);
        }
      }
      expect(overlaps > 0).toBe(['multi-loss', 'relay', 'three-loss'].includes(mode));
    },
  );

  describe('a training that is measured ends at the same bits', () => {
    const normalized = planOf({
      size: 12,
      classes: 4,
      segments: [
        '[conv: {filters: 4, kernel: 3, batchNorm: true}, maxpool: {size: 2}]',
        '[conv: {filters: 6, kernel: 3, batchNorm: true, dropout: 0.3}, batchnorm: {frozen: true}]',
        '[residual: {layers: [conv: {filters: 6, kernel: 3, batchNorm: true, relu: false}]}]',
      ],
      losses: [
        '{name: primary, after: seg3, range: {downTo: seg2}, head: [dropout: 0.5, fc: {units: classes}]}',
        '{name: auxiliary, after: seg2, weight: 0.3, head: [conv: {filters: 4, kernel: 1, batchNorm: true}, fc: {units: classes}]}',
      ],
      batchSize: 6,
      microBatch: 3,
      optimizer: '{lr: 0.05, momentum: 0.9, weightDecay: 0.001, clipNorm: 1, ema: 0.9}',
    });

    test.each([
      ['dropout, branches', fixturePlan('multi-loss', ...options)],
      ['updates at once', fixturePlan('relay', 'training.batchSize=4')],
      ['batch normalization, clipping, moving average', normalized],
    ])('%s', async (name, plan) => {
      expect(plan.updateAtOnce).toBe(name === 'updates at once');
      const steps = [0, 1, 2, 3];
      const plain = await training(plan, engine(), steps);
      const watched = await training(measured(plan), engine(), steps);
      expect(watched.rows.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
      expect(plain.rows).toEqual([]);
      expect(plain.bits.size).toBe(watched.bits.size);
      for (const [name, bits] of plain.bits) expect(watched.bits.get(name), name).toBe(bits);
    });
  });

  test('the same numbers where each parameter is updated at once, before the step is over', async () => {
    const plan = measured(fixturePlan('relay', 'training.batchSize=4'));
    expect(plan.updateAtOnce).toBe(true);
    const [atOnce, later] = [plan, { ...plan, updateAtOnce: false }];
    const [a, b] = [await training(atOnce, engine(), [5]), await training(later, engine(), [5])];
    expect(a.rows[0]!.layers.length).toBeGreaterThan(5);
    expect(a.rows).toEqual(b.rows);
  });

  test('the first step, and then every so many', async () => {
    const plan = fixturePlan('relay', ...options);
    const config = { ...plan.config, diagnostics: { gradients: 'every 3 steps' } };
    const { rows } = await training({ ...plan, config }, engine(), [0, 1, 2, 3, 4, 5, 6]);
    expect(rows.map(({ step }) => step)).toEqual([1, 3, 6]);
  });
});

const mean = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;

const near = (actual: number, expected: number): void => {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-5 * expected + 1e-12);
};

function angle(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
