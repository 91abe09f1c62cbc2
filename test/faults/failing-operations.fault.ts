/** Whichever operation of an engine throws, in whichever layer: no tensor is left behind. */
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import type { Engine } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/select.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { emptySums } from '../../src/relay/step.js';
import { fixturePlan, randomBatch, runPart } from '../relay/harness.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';
import { times } from './support.js';

/** Every so many operations; a prime, so that all kinds have their turn. */
const EVERY = times(11, 1);

/** Operations that make something; giving up, retaining and counting never fail. */
const NEVER_FAIL = new Set(['dispose', 'release', 'retain', 'tensorCount', 'info']);

/** The same engine, but for operation number `fatal`, 0 first, which throws. */
function failing(engine: Engine): { engine: Engine; arm(fatal: number): void; done(): number } {
  let operations = 0;
  let fatal = -1;
  const proxy = new Proxy(engine, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      if (NEVER_FAIL.has(String(name))) return method;
      return (...args: unknown[]) => {
        if (operations++ === fatal) throw new Error(`operation ${fatal}, ${String(name)}, fails`);
        return method(...args);
      };
    },
  });
  return {
    engine: proxy,
    arm(at) {
      operations = 0;
      fatal = at;
    },
    done: () => operations,
  };
}

/** Every type of layer, inside branches and residual blocks too, and three signals side by side. */
function everyLayer(): ExperimentPlan {
  const folder = folderWith({ 'main.yaml': SMALL_CONFIG });
  return planExperiment(
    loadConfig(`${folder}/main.yaml`, [
      'model.segments.seg1.layers=[{conv: {filters: 4, kernel: 3, batchNorm: true}}, {lrn: {}}, {maxpool: {size: 2}}]',
      'model.segments.seg2.layers=[{residual: {layers: [{conv: {filters: 6, kernel: 3, stride: 2}}, {batchnorm: {}}], shortcut: [{conv: {filters: 6, kernel: 1, stride: 2, relu: false}}]}}, {residual: {layers: [{conv: {filters: 6, kernel: 3}}]}}]',
      'model.segments.seg3.layers=[{branches: {paths: [[{conv: {filters: 4, kernel: 1}}, {relu: {}}], [{avgpool: {size: 3, stride: 1, padding: 1}}, {batchnorm: {}}]]}}]',
      'losses.primary.head=[{spp: [2, 1]}, {fc: {units: 5, relu: true, dropout: 0.5}}, {fc: {units: classes}}]',
      'losses.primary.range={downTo: seg1}',
      'losses.auxiliary.range={downTo: seg2}',
    ]),
  );
}

describe.each(['wasm', 'native'] as const)('engine %s', (name) => {
  test.each<[string, () => ExperimentPlan]>([
    ['every type of layer', everyLayer],
    ['the fixture with three losses', () => fixturePlan('three-loss')],
  ])('%s: after a failure at any operation of a step', async (_, make) => {
    const plan = make();
    const real = await openEngine(name);
    const before = real.tensorCount();
    const { engine, arm, done } = failing(real);
    const layers = [...plan.layers.values()];
    const parameters = new Parameters(real, layers, 1);
    const network = new NetworkRuntime(engine, layers, parameters, 1);
    const batch = randomBatch(plan, 4);
    const held = real.tensorCount();
    /** Two micro-batches, so that gradients are added up as well. */
    const step = (): void => {
      const sums = emptySums();
      try {
        network.train(0, 0);
        runPart(plan, network, plan.step, batch, [0, 2], sums);
        network.train(0, 1);
        runPart(plan, network, plan.step, batch, [2, 4], sums);
      } finally {
        for (const gradient of sums.gradients.values()) real.dispose(gradient);
      }
    };
    arm(-1);
    step();
    const operations = done();
    expect(operations).toBeGreaterThan(100);
    expect(real.tensorCount()).toBe(held);
    const leaks: string[] = [];
    for (let fatal = 0; fatal < operations; fatal += EVERY) {
      arm(fatal);
      const now = real.tensorCount();
      let message = 'nothing failed';
      try {
        step();
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toContain(`operation ${fatal},`);
      const left = real.tensorCount() - now;
      if (left !== 0) leaks.push(`${message}: ${left}`);
    }
    expect(leaks).toEqual([]);
    parameters.dispose();
    expect(real.tensorCount()).toBe(before);
  });
});
