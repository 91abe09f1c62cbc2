import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import type { Place } from '../../src/model/layers/layer-type.js';
import type { PaddingSpec } from '../../src/model/layers/schema-parts.js';
import { resolveWindow, type WindowSpec } from '../../src/model/layers/window.js';

type Pair = [number, number];

function resolve(map: number[], spec: Partial<WindowSpec>) {
  const place: Place = {
    input: [...map, 1],
    path: ['model'],
    frozen: false,
    lrFactor: 1,
    classes: 2,
    name: (type) => type,
    inside: () => [],
  };
  return resolveWindow(
    { kernel: 3, stride: 1, padding: 'valid', rounding: 'floor', ...spec },
    place,
  );
}

describe('floor rounding: floor((size + padding - kernel) / stride) + 1', () => {
  test.each<[Pair, number | Pair, number | Pair, PaddingSpec, Pair, number[]]>([
    // map, kernel, stride, padding: output, padding [top, bottom, left, right]
    [[5, 7], 3, 1, 'same', [5, 7], [1, 1, 1, 1]],
    [[6, 6], 3, 2, 'same', [3, 3], [1, 1, 1, 1]],
    [[6, 6], [5, 1], 1, 'same', [6, 6], [2, 2, 0, 0]],
    [[5, 5], 3, 1, 'valid', [3, 3], [0, 0, 0, 0]],
    [[5, 5], 2, [1, 2], 'valid', [4, 2], [0, 0, 0, 0]],
    [[4, 4], 3, 1, 2, [6, 6], [2, 2, 2, 2]],
    [[4, 4], 3, 1, [1, 0], [4, 2], [1, 1, 0, 0]],
    [[4, 4], [2, 3], 1, [1, 0, 2, 0], [4, 4], [1, 0, 2, 0]],
    [[224, 224], 7, 2, 3, [112, 112], [3, 3, 3, 3]],
  ])('%j, kernel %j, stride %j, padding %j', (map, kernel, stride, padding, output, resolved) => {
    const found = resolve(map, { kernel, stride, padding });
    expect(found.output).toEqual(output);
    expect(found.window.padding).toEqual(resolved);
    expect(found.declared).toEqual(resolved);
  });
});

describe('ceil rounding, as in Caffe', () => {
  test.each<[string, number, number, number, number, number, number]>([
    // size, kernel, stride, padding: output, padding at the end
    ['a last window that sticks out', 6, 3, 2, 0, 3, 1],
    ['nothing sticks out', 6, 2, 2, 0, 3, 0],
    ['an odd map', 5, 2, 2, 0, 3, 1],
    ['beyond the padding', 6, 3, 2, 1, 4, 2],
    ['a last window that would begin in the padding is dropped', 5, 2, 2, 1, 3, 1],
    ['a last window that would begin beyond the map is dropped', 4, 1, 2, 0, 2, 0],
    ['a kernel larger than the map', 2, 3, 2, 0, 1, 1],
  ])(
    '%s: %d pixels, kernel %d, stride %d, padding %d',
    (_, size, kernel, stride, padding, output, end) => {
      const found = resolve([size, size], { kernel, stride, padding, rounding: 'ceil' });
      expect(found.output).toEqual([output, output]);
      expect(found.window.padding).toEqual([padding, end, padding, end]);
      expect(found.declared).toEqual([padding, padding, padding, padding]);
      // The rule of every engine gives the same size from the resolved padding.
      expect(Math.floor((size + padding + end - kernel) / stride) + 1).toBe(output);
    },
  );
});

describe('what resolveWindow refuses', () => {
  test.each<[number[], Partial<WindowSpec>, string]>([
    [[3, 4], { kernel: 5 }, 'a 5x5 kernel does not fit the 3x4 map with padding [0, 0, 0, 0]'],
    [
      [8, 8],
      { kernel: 2, padding: 'same' },
      'padding "same" is symmetric and needs an odd kernel, not 2x2',
    ],
    [[], {}, 'this layer needs a [height, width, channels] map, but its input is [1]'],
  ])('%j %j', (map, spec, message) => {
    expect(() => resolve(map, spec)).toThrow(ConfigError);
    expect(() => resolve(map, spec)).toThrow(message);
  });
});
