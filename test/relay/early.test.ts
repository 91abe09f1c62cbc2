/** Signals that go down before the layers above their tap have run: the order, and that the arithmetic is the same. */
import { describe, expect, test } from 'vitest';
import { memoryPlan } from '../../src/experiment/step-memory.js';
import { resolveRanges, type TrunkLayer } from '../../src/relay/ranges.js';
import { type Action, planStep, type StepPlan } from '../../src/relay/step-plan.js';
import { planOf } from '../model/planning.js';
import { onEveryEngine } from './engines.js';
import { fixturePlan, MODES, randomBatch, randomWeights, runStep } from './harness.js';

const trunk: TrunkLayer[] = ['conv1', 'conv2', 'conv3'].map((name, i) => ({
  name,
  segment: `seg${i + 1}`,
  trainable: true,
  frozen: false,
}));
const heads = ['primary', 'auxiliary'].map((loss) => ({
  loss,
  layers: [{ name: `${loss}.fc`, trainable: true }],
}));

/** The trunk's actions: `conv1 ▲` forward, `▼` backward, `▽` early; `+` the parameters' gradient. */
function order(downTo: string): string[] {
  const losses = resolveRanges(trunk, [
    { name: 'primary', after: 'seg3', weight: 1, range: { downTo } },
    { name: 'auxiliary', after: 'seg2', weight: 0.3 },
  ]);
  return planStep(trunk, losses, heads, { early: true }).microBatch.flatMap(line);
}

function line(action: Action): string[] {
  switch (action.do) {
    case 'forward':
      return [`${action.layer} ▲`];
    case 'backward':
    case 'early': {
      const sign = action.do === 'early' ? '▽' : '▼';
      const ends = action.carry.every(Boolean) ? '' : ' ends';
      return [`${action.layer} ${sign} ${action.signals.join(' ')}${ends}`];
    }
    case 'free':
      return 'saved' in action ? [`free ${action.saved}`] : [];
    default:
      return [];
  }
}

test('disjoint ranges: what lies below is done before the layers above run', () => {
  expect(order('seg3').filter((text) => !text.includes('.fc'))).toEqual([
    'conv1 ▲',
    'conv2 ▲',
    'conv2 ▼ conv1',
    'free conv2',
    'conv1 ▼ conv1 ends',
    'free conv1',
    'conv3 ▲',
    'conv3 ▼ conv3 ends',
    'free conv3',
  ]);
});

test('the overlap lets the signal through, and takes its gradient when the other signal is there', () => {
  expect(order('seg2').filter((text) => !text.includes('.fc'))).toEqual([
    'conv1 ▲',
    'conv2 ▲',
    'conv2 ▽ conv1',
    'conv1 ▼ conv1 ends',
    'free conv1',
    'conv3 ▲',
    'conv3 ▼ conv2',
    'free conv3',
    'conv2 ▼ conv2 ends',
    'free conv2',
  ]);
});

test('signals that end at the same layer are one, which is not whole before the last loss', () => {
  const losses = resolveRanges(trunk, [
    { name: 'primary', after: 'seg3', weight: 1 },
    { name: 'auxiliary', after: 'seg2', weight: 0.3 },
  ]);
  const late = planStep(trunk, losses, heads);
  expect(planStep(trunk, losses, heads, { early: true })).toEqual(late);
});

describe('the order that needs less memory is taken', () => {
  const small = '[conv: {filters: 2, kernel: 3}]';
  const large = '[conv: {filters: 64, kernel: 3, repeat: 4}]';
  const head = 'head: [avgpool: {size: global}, fc: {units: classes}]';
  const earlyWith = (segments: string[], downTo: string): boolean => {
    const losses = [
      `{name: primary, after: seg3, range: {downTo: ${downTo}}, ${head}}`,
      `{name: auxiliary, after: seg2, weight: 0.3, ${head}}`,
    ];
    return planOf({ size: 8, segments, losses }).early;
  };

  test('early where much can be freed below', () => {
    expect(earlyWith([large, small, large], 'seg3')).toBe(true);
    expect(earlyWith([large, small, large], 'seg2')).toBe(true);
  });

  test('not where the overlap would keep more than is freed', () => {
    expect(earlyWith([small, large, small], 'seg2')).toBe(false);
  });
});

const both = (name: string): { plan: ReturnType<typeof fixturePlan>; steps: StepPlan[] } => {
  const plan = fixturePlan(name);
  const { losses, heads: all } = plan;
  const steps = [false, true].map((early) => planStep(plan.trunk, losses, all, { early }));
  return { plan, steps };
};

test.each(['relay', 'disjoint', 'three-loss', 'layers'])('%s: the orders do differ', (name) => {
  const { plan, steps } = both(name);
  expect(steps[0]).not.toEqual(steps[1]);
  const [late, early] = steps.map((step) => memoryPlan({ ...plan, step }));
  expect(early).not.toEqual(late);
});

onEveryEngine((engine) => {
  test.each([...MODES, 'layers'])('%s: losses, logits and gradients are bit-identical', (name) => {
    const { plan, steps } = both(name);
    const options = {
      weights: randomWeights(plan),
      batch: randomBatch(plan, 4),
      dropout: true,
      microBatch: 2,
    };
    const [late, early] = steps.map((step) => runStep(plan, engine(), { ...options, step }));
    expect(early!.losses).toEqual(late!.losses);
    expect(early!.logits).toEqual(late!.logits);
    expect([...early!.gradients].sort()).toEqual([...late!.gradients].sort());
  });

  test('three signals in one layer add up in the same order', () => {
    const overrides = ['losses.aux4.range.downTo=seg2', 'losses.primary.range.downTo=seg3'];
    const plan = fixturePlan('three-loss', ...overrides);
    const options = { weights: randomWeights(plan), batch: randomBatch(plan, 2) };
    const [late, early] = [false, true].map((order) => {
      const step = planStep(plan.trunk, plan.losses, plan.heads, { early: order });
      return runStep(plan, engine(), { ...options, step });
    });
    const branch = plan.step.microBatch.filter(
      (action) => action.do === 'backward' && action.layer === 'branch3_1',
    );
    expect(branch[0]).toMatchObject({ signals: ['conv1_1', 'conv2_1', 'branch3_1'] });
    expect([...early!.gradients].sort()).toEqual([...late!.gradients].sort());
  });
});
