import { describe, expect, it } from 'vitest';
import {
  Lettering,
  letter,
  lineHeight,
  type Mask,
  type Size,
} from '../../src/preview/lettering.js';

const drawn = (text: string, room = 200, size: Size = 'small'): Promise<Mask> =>
  new Lettering(size, room).line(text);

/** The share of ink in a part of a line, bounds as shares of its width and height. */
function ink(mask: Mask, [left, right]: [number, number], [top, bottom]: [number, number]): number {
  let sum = 0;
  let count = 0;
  for (let y = Math.floor(top * mask.height); y < bottom * mask.height; y++) {
    for (let x = Math.floor(left * mask.width); x < right * mask.width; x++) {
      sum += mask.data[y * mask.width + x]!;
      count++;
    }
  }
  return sum / count / 255;
}

describe('lettering', () => {
  it('draws letters the right way up', async () => {
    const letterL = await drawn('L', 200, 'large');
    expect(ink(letterL, [0, 0.3], [0.3, 0.7])).toBeGreaterThan(0.3);
    expect(ink(letterL, [0.5, 1], [0, 0.6])).toBe(0);
    expect(ink(letterL, [0.5, 1], [0.6, 1])).toBeGreaterThan(0.1);
  });

  it('stands on one line, whatever the letters', async () => {
    for (const size of ['small', 'large'] as const) {
      const height = lineHeight(size);
      const lines = await Promise.all(['.', 'a', 'Ag', 'xÄ'].map((text) => drawn(text, 200, size)));
      expect(lines.map((line) => line.height)).toEqual([height, height, height, height]);
      const lowest = ({ data, width }: Mask): number =>
        Math.floor(data.findLastIndex((value) => value > 127) / width);
      const [dot, a, g, umlaut] = lines.map(lowest);
      expect(dot).toBe(a);
      expect(umlaut).toBe(a);
      expect(g).toBeGreaterThan(a!);
    }
  });

  it('has letters of other alphabets, and tells those apart that it has not', async () => {
    const names = ['?', 'A', 'Ä', 'Ж', 'Σ', 'ש', 'ش', '山', '水'];
    const lines = await Promise.all(names.map((name) => drawn(name)));
    expect(lines.filter((line) => ink(line, [0, 1], [0, 1]) === 0)).toEqual([]);
    const distinct = new Set(lines.map(({ data, width }) => `${width} ${data.join()}`));
    expect(distinct.size).toBe(names.length);
  });

  it('takes no name for a tag, an entity or a line end', async () => {
    const names = ['<b>a</b>', '&amp;', '<', 'a\nb', '\u202eab'];
    const lines = await Promise.all(names.map((name) => drawn(name)));
    const [bold, plain] = await Promise.all(['a', '&'].map((name) => drawn(name)));
    expect(lines[0]!.width).toBeGreaterThan(3 * bold!.width);
    expect(lines[1]!.width).toBeGreaterThan(2 * plain!.width);
    expect(lines[2]!.width).toBeGreaterThan(0);
    expect(lines[3]).toEqual(await drawn('a\\x0ab'));
    expect(lines[4]).toEqual(await drawn('\\xe2\\x80\\xaeab'));
  });

  it('cuts off what does not fit, at the end of a letter', async () => {
    const whole = await drawn('ABCDEFGH');
    expect(await drawn('ABCDEFGH', whole.width)).toEqual(whole);
    const cut = await drawn('ABCDEFGH', whole.width - 1);
    expect(cut.width).toBeLessThan(whole.width);
    const candidates = await Promise.all(['ABCDEF…', 'ABCDEFG…'].map((text) => drawn(text)));
    expect(candidates).toContainEqual(cut);
    expect((await drawn('W'.repeat(5000), 96)).width).toBeLessThanOrEqual(96);
    expect((await drawn('👩‍👩‍👧'.repeat(50), 96)).width).toBeLessThanOrEqual(96);
  });

  it('is put onto a picture in its grey, at its place', () => {
    const pixels = new Uint8Array(4 * 12 * 3).fill(20);
    const data = new Uint8Array(2 * 12);
    data[2 * 5] = 255;
    data[2 * 5 + 1] = 51;
    letter(pixels, 4, { data, width: 2, height: 12 }, [0, 1], { size: 'small', gray: 220 });
    const row = Array.from(pixels.subarray(5 * 12, 6 * 12));
    expect(row).toEqual([20, 20, 20, 220, 220, 220, 60, 60, 60, 20, 20, 20]);
    expect(pixels.reduce((sum, value) => sum + Number(value !== 20), 0)).toBe(6);
  });
});
