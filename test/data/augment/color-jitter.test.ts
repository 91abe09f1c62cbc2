/** Colour jitter to the bit against Pillow (scripts/reference-augment.py). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type ColorChange,
  type ColorJitter,
  chooseJitter,
  jitter,
} from '../../../src/data/augment/color-jitter.js';

const reference = JSON.parse(
  readFileSync(new URL('../../fixtures/augment/color-jitter.json', import.meta.url), 'utf8'),
) as {
  single: (ColorChange & { sha256: string })[];
  small: number[];
  chains: { changes: ColorChange[]; pixels: number[] }[];
};

/** Every fifth value of each channel: 52 x 52 x 52 colours. */
function allColors(): Uint8Array {
  const pixels = new Uint8Array(52 ** 3 * 3);
  let at = 0;
  for (let r = 0; r < 256; r += 5)
    for (let g = 0; g < 256; g += 5)
      for (let b = 0; b < 256; b += 5) {
        pixels.set([r, g, b], at);
        at += 3;
      }
  return pixels;
}

describe('against Pillow', () => {
  const colors = allColors();
  it.each(reference.single)('$kind by $by: 140,608 colours', ({ kind, by, sha256: expected }) => {
    const pixels = colors.slice();
    jitter(pixels, [{ kind, by }]);
    expect(createHash('sha256').update(pixels).digest('hex')).toBe(expected);
  });

  it.each(reference.chains)('one after another: $changes', ({ changes, pixels: expected }) => {
    const pixels = Uint8Array.from(reference.small);
    jitter(pixels, changes);
    expect([...pixels]).toEqual(expected);
  });
});

describe('what is drawn', () => {
  const all: ColorJitter = {
    brightness: [0.6, 1.4],
    contrast: [0.5, 1],
    saturation: [1, 3],
    hue: [-0.1, 0.1],
  };
  const draws = Array.from({ length: 4800 }, (_, position) => chooseJitter(all, 7, position));

  it('all 24 orders come equally often', () => {
    const orders = new Map<string, number>();
    for (const changes of draws) {
      const order = changes.map(({ kind }) => kind).join();
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    for (const count of orders.values()) expect(Math.abs(count - 200)).toBeLessThan(70); // 5 σ
  });

  it.each(Object.keys(all) as (keyof ColorJitter)[])('%s is uniform in its range', (kind) => {
    const [low, high] = all[kind]!;
    const values = draws.map((changes) => changes.find((change) => change.kind === kind)!.by);
    const width = high - low;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
    expect(Math.max(...values)).toBeLessThanOrEqual(high);
    expect(Math.abs(mean - (low + high) / 2)).toBeLessThan((5 * width) / Math.sqrt(12 * 4800));
    expect(variance / width ** 2).toBeCloseTo(1 / 12, 2);
  });

  it('depends on seed and position only, and switching one off leaves the others', () => {
    const without = chooseJitter({ ...all, contrast: null }, 7, 3);
    expect(without).toEqual(draws[3]!.filter(({ kind }) => kind !== 'contrast'));
    expect(chooseJitter(all, 7, 3)).toEqual(draws[3]);
    expect(chooseJitter(all, 8, 3)).not.toEqual(draws[3]);
  });
});
