/** How much padding a pooling may have: on each side half its window, whichever way it is written. */
import { describe, expect, test } from 'vitest';
import { trunkOf } from '../../src/model/network-plan.js';
import { planError, planOf } from './planning.js';

const kinds = ['maxpool', 'avgpool'] as const;
const layer = (kind: string, options: string): string[] => [`[${kind}: {${options}}]`];

describe.each(kinds)('%s', (kind) => {
  test.each([
    // `torch.nn.MaxPool2d(2, 2, 2)`: "pad should be at most half of effective kernel size"
    ['size: 2, stride: 2, padding: 2', '2x2', '[2, 2, 2, 2]'],
    ['size: 3, stride: 1, padding: 2', '3x3', '[2, 2, 2, 2]'],
    ['size: 1, padding: 1', '1x1', '[1, 1, 1, 1]'],
    ['size: [2, 4], padding: [2, 1]', '2x4', '[2, 2, 1, 1]'],
    ['size: [4, 2], padding: [1, 2]', '4x2', '[1, 1, 2, 2]'],
    ['size: 2, padding: [2, 0, 0, 0]', '2x2', '[2, 0, 0, 0]'],
    ['size: 2, padding: [0, 2, 0, 0]', '2x2', '[0, 2, 0, 0]'],
    ['size: 2, padding: [0, 0, 2, 0]', '2x2', '[0, 0, 2, 0]'],
    ['size: 2, padding: [0, 0, 0, 2]', '2x2', '[0, 0, 0, 2]'],
    ['size: 2, padding: 2, rounding: ceil', '2x2', '[2, 2, 2, 2]'],
    ['size: global, padding: 5', '8x8', '[5, 5, 5, 5]'],
  ])('{%s} is a config error', (options, window, padding) => {
    const { message, hint } = planError({ size: 8, segments: layer(kind, options) });
    expect(message).toMatch(
      new RegExp(`^test\\.yaml:\\d+:\\d+: model\\.segments\\[0\\]\\.layers\\[0\\]\\.${kind}: `),
    );
    expect(message).toContain(`a pooling window of ${window} with padding ${padding}`);
    expect(message).toContain('at most half the window');
    expect(hint).toBe('use less padding, or a larger window');
  });

  test.each([
    'size: 2, padding: 1',
    'size: 3, stride: 2, padding: 1',
    'size: 3, padding: same',
    'size: [1, 3], padding: same',
    'size: 2, stride: 1, padding: tf-same',
    'size: 4, stride: 1, padding: tf-same',
    'size: 4, padding: [2, 1, 0, 2]',
    'size: 3, stride: 2, rounding: ceil',
    'size: 3, stride: 2, padding: 1, rounding: ceil',
    'size: 2, stride: 3, rounding: ceil',
    'size: 5, stride: 5, rounding: ceil',
    'size: global, padding: 2',
  ])('{%s} is planned, and each of its windows holds a pixel', (options) => {
    for (let size = 5; size <= 12; size++) {
      const [pool] = trunkOf(planOf({ size, segments: layer(kind, options) }).network);
      if (pool?.type !== kind) throw new Error('no pooling');
      const { kernel, stride, padding } = pool.window;
      for (const axis of [0, 1] as const) {
        for (let i = 0; i < pool.output[axis]!; i++) {
          const start = i * stride[axis] - padding[axis * 2]!;
          expect(Math.min(start + kernel[axis], size)).toBeGreaterThan(Math.max(start, 0));
        }
      }
    }
  });
});

test('a convolution may lie in padding: it gives its bias there', () => {
  expect(() =>
    planOf({ size: 8, segments: ['[conv: {filters: 2, kernel: 1, padding: 3}]'] }),
  ).not.toThrow();
});
