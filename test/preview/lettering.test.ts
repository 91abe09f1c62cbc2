import { describe, expect, it } from 'vitest';
import { CELL, letter } from '../../src/preview/lettering.js';

/** The red channel as rows of `#` and `.`. */
function drawn(text: string, room: number, scale = 1): string[] {
  const [width, height] = [room, CELL.height * scale];
  const pixels = new Uint8Array(width * height * 3);
  letter(pixels, width, text, [0, 0], { room, scale, gray: 200 });
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (pixels[(y * width + x) * 3] === 200 ? '#' : '.')).join(
      '',
    ),
  );
}

describe('lettering', () => {
  it('draws letters the right way up', () => {
    expect(drawn('LT', 12)).toEqual([
      '#.....#####.',
      '#.......#...',
      '#.......#...',
      '#.......#...',
      '#.......#...',
      '#.......#...',
      '#####...#...',
      '............',
      '............',
    ]);
  });

  it('doubles every pixel where it is asked to', () => {
    const [once, twice] = [drawn('L', 6), drawn('L', 12, 2)];
    expect(twice).toEqual(
      once.flatMap((row) => Array(2).fill([...row].flatMap((c) => [c, c]).join(''))),
    );
  });

  it('cuts off what does not fit, and replaces what it has no letter for', () => {
    expect(drawn('ABCDEF', 24)).toEqual(drawn('AB..', 24));
    expect(drawn('ABCD', 24)).not.toEqual(drawn('AB..', 24));
    expect(drawn('山', 6)).toEqual(drawn('?', 6));
  });
});
