import { createColors } from 'picocolors';
import { describe, expect, it } from 'vitest';
import { type LoadedConfig, parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/errors.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';
import { hungriest, inPhase, phaseAt, planAt } from '../../src/experiment/moment.js';
import { memoryPlan } from '../../src/experiment/step-memory.js';
import { Timeline } from '../../src/experiment/timeline.js';
import { totals } from '../../src/plan/cost.js';
import { planJson } from '../../src/plan/json.js';
import { planTable } from '../../src/plan/plan-table.js';
import { networkFigure } from '../../src/report/network-figure.js';
import { SMALL_CONFIG } from '../support/configs.js';

const load = (...overrides: string[]): LoadedConfig =>
  parseConfig(SMALL_CONFIG, 'c.yaml', overrides);
const planned = (...overrides: string[]): ExperimentPlan => planExperiment(load(...overrides));
const timeline = Timeline.begin({ stepsPerEpoch: 10, batchSize: 8, images: 80 });
const durations = { timeline, length: 10 };

/** Names of the losses that are on and where they end, phase by phase. */
const ranges = ({ phases, trunk }: ExperimentPlan) =>
  phases.map(({ from, losses }) => [
    from,
    Object.fromEntries(
      losses.map(({ name, tap, bottom }) => [name, bottom > tap ? null : trunk[bottom]!.name]),
    ),
  ]);

describe('phases', () => {
  it('are one where nothing changes but weights', () => {
    const plan = planned('losses.auxiliary.weight={type: linear, start: 1, end: 0}');
    expect(plan.phases).toHaveLength(1);
    expect(plan.phases[0]).toMatchObject({ from: 0, losses: plan.losses, step: plan.step });
    expect(planTable(plan, createColors(false))).not.toContain('at first');
    expect(planJson(plan)).not.toHaveProperty('phases');
  });

  it('begin where a loss is switched or gets another range, in the order of their times', () => {
    const plan = planned(
      'losses.primary.range=[{downTo: seg2}, {from: 1 epoch}, {from: 3.0, layers: 0}, {from: 4 epochs, downTo: seg2}]',
      'losses.auxiliary.enabled={from: 1, until: 2.5 epochs}',
      'losses.auxiliary.range=[{downTo: seg1}, {from: 2, downTo: seg2}]',
      'resting=[seg1, seg2, seg3]',
    );
    expect(ranges(plan)).toEqual([
      [0, { primary: 'conv2_1' }],
      ['1 epoch', { primary: 'conv1_1', auxiliary: 'conv1_1' }],
      [2, { primary: 'conv1_1', auxiliary: 'conv2_1' }],
      ['2.5 epochs', { primary: 'conv1_1' }],
      [3, { primary: null }],
      ['4 epochs', { primary: 'conv2_1' }],
    ]);
    const at = (step: number) => plan.phases.indexOf(phaseAt(plan, step, durations));
    expect([0, 9, 10, 19, 20, 24, 25, 30, 40, 999].map(at)).toEqual([0, 0, 1, 1, 2, 2, 3, 4, 5, 5]);
    const now = planAt(plan, 22, durations);
    expect(now.losses.map(({ name, weight }) => [name, weight])).toEqual([
      ['primary', 1],
      ['auxiliary', 0.3],
    ]);
    expect(now.step).toBe(plan.phases[2]!.step);
  });

  it('in steps; true, false and an empty mapping', () => {
    const plan = planned('losses.auxiliary.enabled={until: 5 steps}', 'resting=[seg1]');
    expect(ranges(plan).map(([from]) => from)).toEqual([0, '5 steps']);
    const all = 'losses.primary.range={downTo: seg1}';
    expect(ranges(planned(all, 'losses.auxiliary.enabled=false'))).toEqual([
      [0, { primary: 'conv1_1' }],
    ]);
    for (const on of ['true', '{}', '{from: 0}'])
      expect(ranges(planned(`losses.auxiliary.enabled=${on}`))).toEqual(ranges(planned()));
  });

  it('a loss that is off costs nothing: the step is that without it', () => {
    const all = 'losses.primary.range={downTo: seg1}';
    const plan = planned(all, 'losses.auxiliary.enabled={from: 1, until: 2}');
    const without = planned(all, 'losses=[{name: auxiliary, remove: true}]');
    expect(plan.phases).toHaveLength(3);
    for (const i of [0, 2]) {
      const now = inPhase(plan, plan.phases[i]!);
      expect(now.step).toEqual(without.step);
      expect(now.early).toBe(without.early);
      expect(totals(now).step).toEqual(totals(without).step);
      const { activations, gradients, step } = memoryPlan(without);
      expect(memoryPlan(now)).toMatchObject({ activations, gradients, step });
    }
    const both = planned(all);
    expect(inPhase(plan, plan.phases[1]!).step).toEqual(both.step);
    expect(hungriest(plan).step).toBe(plan.phases[1]!.step);
  });
});

describe('layers that no loss trains for a time', () => {
  const off = 'losses.auxiliary.enabled={until: 5 epochs}';
  const message = (...overrides: string[]): string => {
    try {
      planned(...overrides);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      const { message: text, hint } = error as ConfigError;
      return `${text}\nhint: ${hint}`;
    }
    throw new Error('no ConfigError');
  };

  it('must be declared: the error says when, which, and the key to write', () => {
    expect(message(off)).toMatch(
      /losses: from 5 epochs on no loss trains conv1_1: [\s\S]*hint: extend a range \(downTo\); or write resting: \[seg1\], if these are not to be trained then$/,
    );
    const later = 'losses.auxiliary.enabled={from: 5 epochs}';
    expect(message(later)).toMatch(
      /losses: at first no loss trains conv1_1: [\s\S]*resting: \[seg1\]/,
    );
    expect(ranges(planned(off, 'resting=[seg1]'))[1]).toEqual(['5 epochs', { primary: 'conv2_1' }]);
    expect(() => planned(off, 'resting=[conv1_1]')).not.toThrow();
  });

  it('are named one by one where the segment is trained in part, with those declared already', () => {
    const two = 'model.segments.seg2.layers=[conv: {filters: 6, kernel: 3, repeat: 2}]';
    const range = 'losses.primary.range={downTo: conv2_2}';
    expect(message(two, range, off, 'resting=[seg1]')).toMatch(/resting: \[seg1, conv2_1\]/);
  });

  it('and never are no layers that rest', () => {
    expect(message('losses.auxiliary.range={downTo: seg2}', 'resting=[seg1]')).toMatch(
      /resting: no loss ever trains conv1_1: [\s\S]*frozen: true/,
    );
    expect(message('losses.auxiliary.range={downTo: seg2}')).toMatch(
      /losses: no loss trains conv1_1: [\s\S]*hint: extend a range \(downTo\), or set frozen: true/,
    );
  });

  it('by names that there are', () => {
    expect(message('resting=[seg11]')).toMatch(
      /resting\[0\]: "seg11" is neither a segment nor a layer of the trunk\nhint: did you mean "seg1"\? One of: seg1, conv1_1, /,
    );
  });
});

describe('times that cannot be', () => {
  it.each([
    [
      'losses.auxiliary.enabled={from: 5, until: 5 epochs}',
      /losses\[1\]\.enabled\.until: 5 epochs is not after 5 epochs/,
    ],
    ['losses.auxiliary.enabled={until: 0}', /losses\[1\]\.enabled\.until: 0 epochs is not after 0/],
    ['losses.auxiliary.enabled={untl: 5}', /losses\[1\]\.enabled/],
    ['losses.auxiliary.enabled=5 epochs', /enabled: true, false, or a mapping with from, until/],
    [
      'losses.primary.range=[{downTo: seg2}, {from: 5, downTo: seg1}, {from: 4, downTo: seg2}]',
      /losses\[0\]\.range\[2\]\.from: 4 epochs is not after 5 epochs/,
    ],
    [
      'losses.primary.range=[{downTo: seg2}, {downTo: seg1}]',
      /losses\[0\]\.range\[1\]: a range that is not the first of its list needs the time/,
    ],
    [
      'losses.primary.range=[{from: 2, downTo: seg2}]',
      /losses\[0\]\.range\[0\]\.from: the first range of a list holds from the start/,
    ],
    [
      'losses.primary.range=[{downTo: seg2}, {from: 5, downTo: seg9}]',
      /losses\[0\]\.range\[1\]\.downTo: "seg9" is neither a segment nor a layer/,
    ],
    [
      'losses.primary.range=[{downTo: seg2, layers: 3}]',
      /losses\[0\]\.range.*either downTo \(a segment or a layer\) or layers/,
    ],
    ['losses.primary.range=[]', /losses\[0\]\.range/],
    [
      'losses.primary.enabled={from: 2}',
      /losses\[0\]\.enabled: the loss "primary" is off at first, but its head is the network's output/,
    ],
    [
      'losses.primary.enabled=false',
      /losses\[0\]\.enabled: the loss "primary" is off, but its head is the network's output/,
    ],
  ])('%s', (override, message) => {
    expect(() => planned(override, 'resting=[seg1]')).toThrow(message);
  });

  it('epochs and steps among them: which comes first depends on the images', () => {
    expect(() =>
      planned(
        'losses.auxiliary.enabled={until: 500 steps}',
        'losses.primary.range=[{downTo: seg2}, {from: 5, downTo: seg1}]',
      ),
    ).toThrow(
      /losses\[1\]\.enabled\.until: 500 steps here and 5 epochs at losses\.0\.range\.1\.from: which comes first/,
    );
  });
});

describe('phases are shown', () => {
  const plan = planned(
    'losses.auxiliary.enabled={until: 5 epochs}',
    'losses.primary.range=[{downTo: seg2}, {from: 3, layers: 0}, {from: 4, downTo: seg2}]',
    'resting=[seg1, seg3]',
  );

  it('by the table', () => {
    const table = planTable(plan, createColors(false));
    expect(table).toContain(
      'loss auxiliary: weight 0.3, taps after pool2_1, range pool2_1 down to conv1_1, on until 5 epochs\n',
    );
    const blocks = table.split('\n\n').slice(-4);
    expect(blocks.map((block) => block.split('\n')[0])).toEqual([
      'at first:',
      'from 3 epochs on: primary trains its head only',
      'from 4 epochs on: primary down to conv2_1',
      'from 5 epochs on: auxiliary is off',
    ]);
    expect(blocks[1]).toMatch(/\n {2}seg3 +\. tap +\.\n[\s\S]*\n {2}resting: conv3_1$/);
    expect(blocks[3]).toMatch(
      /\n {2}training step 0\.\d+ x the multiply-adds of standard BP, activations and signals [\d.]+ MiB\n {2}segment +primary\n {2}seg3 +\| tap\n {2}seg2 +\|\n {2}seg1 +\.\n {2}resting: conv1_1$/,
    );
  });

  it('by the table with --steps, each with its own', () => {
    const table = planTable(plan, createColors(false), { steps: true });
    const last = table.split('from 5 epochs on: one step = ')[1]!;
    expect(last).not.toContain('auxiliary');
    expect(table.match(/one step = /g)).toHaveLength(4);
  });

  it('by the JSON', () => {
    const { phases, losses, memory } = planJson(plan);
    expect(phases!.map(({ from, resting }) => [from, resting])).toEqual([
      [0, []],
      [3, ['conv3_1']],
      [4, []],
      ['5 epochs', ['conv1_1']],
    ]);
    expect(phases![0]!.losses).toEqual(losses);
    expect(phases![3]!.losses.map(({ name }) => name)).toEqual(['primary']);
    expect(phases![1]!.losses[0]!.range).toEqual({
      from: null,
      downTo: null,
      lowestTrained: null,
      layers: [],
    });
    expect(memory.peak).toBe(Math.max(...phases!.map((phase) => phase.memory.peak)));
  });

  it("by the report's figure", () => {
    const { losses, phases } = networkFigure(plan);
    expect(losses.map(({ name }) => name)).toEqual(['primary', 'auxiliary']);
    expect(phases.map(({ title, method }) => [title, method])).toEqual([
      ['at first', 'relay BP'],
      ['from 3 epochs on: primary trains its head only', 'disjoint ranges'],
      ['from 4 epochs on: primary down to conv2_1', 'relay BP'],
      ['from 5 epochs on: auxiliary is off', 'standard BP'],
    ]);
    expect(networkFigure(planned()).phases).toEqual([]);
  });
});
