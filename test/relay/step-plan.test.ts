import { describe, expect, test } from 'vitest';
import { type LossRange, resolveRanges, type TrunkLayer } from '../../src/relay/ranges.js';
import { type Action, type Head, planStep } from '../../src/relay/step-plan.js';

const layer = (name: string, segment: string, trainable = true): TrunkLayer => ({
  name,
  segment,
  trainable,
  frozen: false,
});

const trunk: TrunkLayer[] = [
  layer('conv1', 'seg1'),
  layer('pool1', 'seg1', false),
  layer('conv2', 'seg2'),
  layer('pool2', 'seg2', false),
  layer('conv3', 'seg3'),
];
const heads: Head[] = [
  {
    loss: 'primary',
    layers: [
      { name: 'primary.spp', trainable: false },
      { name: 'primary.fc', trainable: true },
    ],
  },
  { loss: 'auxiliary', layers: [{ name: 'auxiliary.fc', trainable: true }] },
];

function stepOf(...losses: LossRange[]) {
  return planStep(trunk, resolveRanges(trunk, losses), heads);
}

/** Only the actions of some kinds. */
function only<Kind extends Action['do']>(actions: readonly Action[], ...kinds: Kind[]) {
  return actions.filter((action): action is Extract<Action, { do: Kind }> =>
    kinds.some((kind) => kind === action.do),
  );
}

test('the whole step of a small relay: seg2 is the overlap', () => {
  const step = stepOf(
    { name: 'primary', after: 'seg3', weight: 1, range: { downTo: 'seg2' } },
    { name: 'auxiliary', after: 'seg2', weight: 0.3 },
  );
  expect(step.microBatch).toEqual([
    // Up the trunk. What a layer needs for its way back it keeps; its output goes once the next layer has it.
    { do: 'forward', layer: 'conv1', from: 'input' },
    { do: 'forward', layer: 'pool1', from: 'conv1' },
    { do: 'free', output: 'conv1' },
    { do: 'forward', layer: 'conv2', from: 'pool1' },
    { do: 'free', output: 'pool1' },
    { do: 'forward', layer: 'pool2', from: 'conv2' },
    { do: 'free', output: 'conv2' },
    // The auxiliary head, forward and at once backward: its signal waits at the tap.
    { do: 'forward', layer: 'auxiliary.fc', from: 'pool2' },
    { do: 'loss', loss: 'auxiliary', logits: 'auxiliary.fc' },
    { do: 'free', output: 'auxiliary.fc' },
    {
      do: 'backward',
      layer: 'auxiliary.fc',
      signals: ['auxiliary'],
      carry: [true],
      parameters: true,
    },
    { do: 'free', saved: 'auxiliary.fc' },
    { do: 'forward', layer: 'conv3', from: 'pool2' },
    { do: 'free', output: 'pool2' },
    { do: 'forward', layer: 'primary.spp', from: 'conv3' },
    { do: 'forward', layer: 'primary.fc', from: 'primary.spp' },
    { do: 'free', output: 'primary.spp' },
    { do: 'loss', loss: 'primary', logits: 'primary.fc' },
    { do: 'free', output: 'primary.fc' },
    { do: 'backward', layer: 'primary.fc', signals: ['primary'], carry: [true], parameters: true },
    { do: 'free', saved: 'primary.fc' },
    {
      do: 'backward',
      layer: 'primary.spp',
      signals: ['primary'],
      carry: [true],
      parameters: false,
    },
    { do: 'free', saved: 'primary.spp' },
    { do: 'free', output: 'conv3' },
    // Down the trunk. The primary signal ends at conv2, the auxiliary one at conv1.
    { do: 'join', signal: 'primary', into: 'conv2' },
    { do: 'backward', layer: 'conv3', signals: ['conv2'], carry: [true], parameters: true },
    { do: 'free', saved: 'conv3' },
    { do: 'join', signal: 'auxiliary', into: 'conv1' },
    {
      do: 'backward',
      layer: 'pool2',
      signals: ['conv1', 'conv2'],
      carry: [true, true],
      parameters: false,
    },
    { do: 'free', saved: 'pool2' },
    {
      do: 'backward',
      layer: 'conv2',
      signals: ['conv1', 'conv2'],
      carry: [true, false],
      parameters: true,
    },
    { do: 'free', saved: 'conv2' },
    { do: 'backward', layer: 'pool1', signals: ['conv1'], carry: [true], parameters: false },
    { do: 'free', saved: 'pool1' },
    { do: 'backward', layer: 'conv1', signals: ['conv1'], carry: [false], parameters: true },
    { do: 'free', saved: 'conv1' },
  ]);
  expect(step.update).toEqual(['conv1', 'conv2', 'conv3', 'primary.fc', 'auxiliary.fc']);
});

describe('signals', () => {
  test('those that end at the same layer become one, at the tap of the lower loss and not before', () => {
    const step = stepOf(
      { name: 'primary', after: 'seg3', weight: 1 },
      { name: 'auxiliary', after: 'seg2', weight: 0.3 },
    );
    const down = only(step.microBatch, 'join', 'backward').filter(
      (action) => action.do === 'join' || !action.layer.includes('.'),
    );
    expect(down.map((action) => (action.do === 'join' ? action : action.layer))).toEqual([
      { do: 'join', signal: 'primary', into: 'conv1' },
      'conv3',
      { do: 'join', signal: 'auxiliary', into: 'conv1' },
      'pool2',
      'conv2',
      'pool1',
      'conv1',
    ]);
    expect(only(step.microBatch, 'backward').every(({ signals }) => signals.length === 1)).toBe(
      true,
    );
  });

  test('disjoint ranges carry nothing from one to the other', () => {
    const step = stepOf(
      { name: 'primary', after: 'seg3', weight: 1, range: { downTo: 'seg3' } },
      { name: 'auxiliary', after: 'seg2', weight: 0.3 },
    );
    expect(only(step.microBatch, 'backward').find(({ layer }) => layer === 'conv3')).toEqual({
      do: 'backward',
      layer: 'conv3',
      signals: ['conv3'],
      carry: [false],
      parameters: true,
    });
    expect(only(step.microBatch, 'backward').find(({ layer }) => layer === 'pool2')).toMatchObject({
      signals: ['conv1'],
    });
  });

  test('a range without trunk layers stays in its head, down to the lowest layer with parameters', () => {
    const step = stepOf(
      { name: 'primary', after: 'seg3', weight: 1, range: { layers: 0 } },
      { name: 'auxiliary', after: 'seg3', weight: 0.3 },
    );
    const inHead = only(step.microBatch, 'backward').filter(({ layer }) =>
      layer.startsWith('primary.'),
    );
    expect(inHead).toEqual([
      {
        do: 'backward',
        layer: 'primary.fc',
        signals: ['primary'],
        carry: [false],
        parameters: true,
      },
    ]);
    expect(only(step.microBatch, 'join').map(({ signal }) => signal)).toEqual(['auxiliary']);
  });
});

test('one loss alone: what lies above its tap does not run, what lies below its bottom keeps nothing', () => {
  const [, auxiliary] = resolveRanges(trunk, [
    { name: 'primary', after: 'seg3', weight: 1 },
    { name: 'auxiliary', after: 'seg2', weight: 0.3, range: { downTo: 'conv2' } },
  ]);
  const step = planStep(trunk, [auxiliary!], heads);
  expect(only(step.microBatch, 'forward').map(({ layer }) => layer)).toEqual([
    'conv1',
    'pool1',
    'conv2',
    'pool2',
    'auxiliary.fc',
  ]);
  expect(step.microBatch.slice(0, 5)).toEqual([
    { do: 'forward', layer: 'conv1', from: 'input' },
    { do: 'free', saved: 'conv1' },
    { do: 'forward', layer: 'pool1', from: 'conv1' },
    { do: 'free', output: 'conv1' },
    { do: 'free', saved: 'pool1' },
  ]);
  expect(only(step.microBatch, 'backward').map(({ layer }) => layer)).toEqual([
    'auxiliary.fc',
    'pool2',
    'conv2',
  ]);
  expect(step.update).toEqual(['conv2', 'auxiliary.fc']);
});
