import { describe, expect, it } from 'vitest';
import { type ShapeBatch, ShapeBatches } from '../../src/eval/shape-batches.js';

const input = (height: number, width: number) => ({ data: new Float32Array(0), height, width });
const shown = (batches: readonly ShapeBatch<string>[]): string[] =>
  batches.map(
    ({ height, width, items }) => `${height}x${width}: ${items.map((i) => i.tag).join(' ')}`,
  );

describe('shape batches', () => {
  it('group equal sizes; larger inputs make smaller batches, never none', () => {
    const groups = new ShapeBatches<string>({ batch: 200, waiting: 1e9, patience: 1e9 });
    expect(groups.add(input(10, 10), 'a')).toEqual([]);
    expect(groups.add(input(10, 5), 'b')).toEqual([]);
    expect(shown(groups.add(input(10, 10), 'c'))).toEqual(['10x10: a c']);
    expect(shown(groups.add(input(30, 30), 'd'))).toEqual(['30x30: d']);
    expect(groups.add(input(5, 10), 'e')).toEqual([]);
    expect(shown(groups.drain())).toEqual(['10x5: b', '5x10: e']);
    expect(groups.drain()).toEqual([]);
  });

  it('hold at most so many pixels: the largest group goes first', () => {
    const groups = new ShapeBatches<string>({ batch: 1000, waiting: 250, patience: 1e9 });
    for (const tag of ['a', 'b']) expect(groups.add(input(10, 10), tag)).toEqual([]);
    expect(groups.add(input(5, 10), 'c')).toEqual([]);
    expect(shown(groups.add(input(5, 10), 'd'))).toEqual(['10x10: a b']);
  });

  it('let nothing wait for ever', () => {
    const groups = new ShapeBatches<string>({ batch: 200, waiting: 1e9, patience: 3 });
    groups.add(input(10, 5), 'odd');
    const due = ['a', 'b', 'c'].flatMap((tag) => shown(groups.add(input(10, 10), tag)));
    expect(due).toEqual(['10x10: a b', '10x5: odd']);
  });
});
