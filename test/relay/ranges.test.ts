import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import {
  type LossRange,
  primaryLoss,
  rangeTable,
  resolveRanges,
  type TrunkLayer,
} from '../../src/relay/ranges.js';

/** Three segments of a convolution and a pooling layer: layers 0 to 5 from input to output. */
const trunk: TrunkLayer[] = [
  { name: 'conv1', segment: 'seg1', trainable: true, frozen: false },
  { name: 'pool1', segment: 'seg1', trainable: false, frozen: false },
  { name: 'conv2', segment: 'seg2', trainable: true, frozen: false },
  { name: 'pool2', segment: 'seg2', trainable: false, frozen: false },
  { name: 'conv3', segment: 'seg3', trainable: true, frozen: false },
  { name: 'pool3', segment: 'seg3', trainable: false, frozen: false },
];
const frozenBottom = trunk.map((layer, i) =>
  i < 2 ? { ...layer, trainable: false, frozen: true } : layer,
);

const primary: LossRange = { name: 'primary', after: 'seg3', weight: 1 };
const auxiliary: LossRange = { name: 'auxiliary', after: 'seg2', weight: 0.3 };

function failure(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no ConfigError');
}

describe('resolveRanges', () => {
  test('without a range the whole trunk below the tap', () => {
    expect(resolveRanges(trunk, [primary, auxiliary])).toEqual([
      { name: 'primary', weight: 1, tap: 5, bottom: 0, reach: 0 },
      { name: 'auxiliary', weight: 0.3, tap: 3, bottom: 0, reach: 0 },
    ]);
  });

  test.each<[string, LossRange['range'], number, number | null]>([
    ['down to the lowest layer of a segment', { downTo: 'seg2' }, 2, 2],
    ['down to a layer', { downTo: 'conv3' }, 4, 4],
    ['down to a layer without parameters: the signal stops above', { downTo: 'pool2' }, 3, 4],
    ['only its own pooling layer: no signal at all', { downTo: 'pool3' }, 5, null],
    ['so many layers', { layers: 3 }, 3, 4],
    ['no layer, only the head', { layers: 0 }, 6, null],
    ['more layers than there are', { layers: 100 }, 0, 0],
  ])('%s', (_, range, bottom, reach) => {
    const whole: LossRange = { name: 'whole', after: 'seg3', weight: 1 };
    const [found] = resolveRanges(trunk, [{ ...primary, range }, whole]);
    expect(found).toEqual({ name: 'primary', weight: 1, tap: 5, bottom, reach });
  });

  test('a tap at a layer inside a segment', () => {
    const [, found] = resolveRanges(trunk, [primary, { ...auxiliary, after: 'conv2' }]);
    expect(found).toMatchObject({ tap: 2, bottom: 0, reach: 0 });
  });

  test('a frozen bottom stays in the range, but the signal stops above it', () => {
    const [found] = resolveRanges(frozenBottom, [primary]);
    expect(found).toMatchObject({ bottom: 0, reach: 2 });
  });

  test('the primary loss is the first that reads the end of the trunk', () => {
    const losses = resolveRanges(trunk, [auxiliary, primary, { ...primary, name: 'second' }]);
    expect(primaryLoss(losses).name).toBe('primary');
  });
});

describe('what resolveRanges refuses', () => {
  test('no loss at the end of the trunk, with a table', () => {
    const error = failure(() => resolveRanges(trunk, [auxiliary]));
    expect(error.message).toBe(
      [
        'no loss reads the end of the trunk (after: seg3): the network would have no output',
        '  segment  auxiliary',
        '  seg3     .',
        '  seg2     | tap',
        '  seg1     |',
      ].join('\n'),
    );
    expect(error.hint).toBe('let one loss have after: seg3');
    expect(error.path).toEqual(['losses']);
  });

  test('a layer with parameters in no range, with a table', () => {
    const error = failure(() =>
      resolveRanges(trunk, [
        { ...primary, range: { downTo: 'seg3' } },
        { ...auxiliary, range: { downTo: 'pool2' } },
      ]),
    );
    expect(error.message).toBe(
      [
        'no loss trains conv1, conv2: every layer with parameters must lie in the range of some loss',
        '  segment  primary  auxiliary',
        '  seg3     | tap    .',
        '  seg2     .        + tap',
        '  seg1     .        .',
      ].join('\n'),
    );
    expect(error.hint).toBe('extend a range (downTo), or set frozen: true on the segment or layer');
  });

  test('frozen layers may lie in no range', () => {
    const narrow = { ...primary, range: { downTo: 'seg2' } };
    const losses = resolveRanges(frozenBottom, [narrow]);
    expect(rangeTable(frozenBottom, losses)).toEqual([
      '  segment  primary',
      '  seg3     | tap',
      '  seg2     |',
      '  seg1     .        (frozen)',
    ]);
  });

  test('a range that ends above its tap', () => {
    const error = failure(() =>
      resolveRanges(trunk, [primary, { ...auxiliary, range: { downTo: 'seg3' } }]),
    );
    expect(error.message).toBe(
      'the range of loss "auxiliary" ends at seg3, above its tap (after: seg2): a range lies below its tap',
    );
    expect(error.path).toEqual(['losses', 1, 'range', 'downTo']);
  });

  const places = 'one of: seg1, seg2, seg3, conv1, pool1, conv2, pool2, conv3, pool3';
  test('an unknown tap', () => {
    const error = failure(() => resolveRanges(trunk, [{ ...primary, after: 'seg4' }]));
    expect(error.message).toBe('"seg4" is neither a segment nor a layer of the trunk');
    expect(error.hint).toBe(places);
    expect(error.path).toEqual(['losses', 0, 'after']);
  });

  test('an unknown bottom', () => {
    const range = { downTo: 'conv9' };
    const error = failure(() => resolveRanges(trunk, [{ ...primary, range }]));
    expect(error.message).toBe('"conv9" is neither a segment nor a layer of the trunk');
    expect(error.hint).toBe(places);
    expect(error.path).toEqual(['losses', 0, 'range', 'downTo']);
  });
});
