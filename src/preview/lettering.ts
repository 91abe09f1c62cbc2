/** Small text on raw pixels, drawn by sharp with a font that comes along. */
import sharp from 'sharp';
import { visible } from '../visible.js';
import { font } from './font.js';

/** How large letters are: for pictures less than, and at least, 256 pixels wide. */
export type Size = 'small' | 'large';

/** In pixels: of the font, and from one line of text to the next. */
const SIZES: Readonly<Record<Size, { font: number; line: number }>> = {
  small: { font: 9, line: 12 },
  large: { font: 14, line: 18 },
};

export const lineHeight = (size: Size): number => SIZES[size].line;

/** How much ink each pixel has, 0–255, `[height, width]`. */
export interface Mask {
  data: Uint8Array;
  width: number;
  height: number;
}

/**
 * Lines of text, each drawn once however often it comes. What does not fit is cut off with `…`, what would steer a
 * terminal is `\xNN`; a letter that the font lacks is of another font of this machine, or a box with its number.
 */
export class Lettering {
  private readonly lines = new Map<string, Promise<Mask>>();

  /** @param room how many pixels wide a line may be */
  constructor(
    private readonly size: Size,
    private readonly room: number,
  ) {}

  line(text: string): Promise<Mask> {
    const found = this.lines.get(text) ?? this.fitting(visible(text));
    this.lines.set(text, found);
    return found;
  }

  private async fitting(text: string): Promise<Mask> {
    const letters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
    // No text of more letters than pixels fits; of longer ones the rest is not drawn at all.
    const whole = await draw(letters.slice(0, this.room).join(''), this.size);
    if (whole.width <= this.room && letters.length <= this.room) return whole;
    const drawn = Math.min(letters.length, this.room);
    for (let n = Math.floor((drawn * this.room) / whole.width); n > 0; n--) {
      const cut = await draw(`${letters.slice(0, n).join('').trimEnd()}…`, this.size);
      if (cut.width <= this.room) return cut;
    }
    return draw('…', this.size);
  }
}

/** From the font's lowest to its highest, invisible: with it beside them, all lines stand on one base line. */
const STRUT = '<span alpha="1">\u2588</span>';

async function draw(text: string, size: Size): Promise<Mask> {
  const markup = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const { data, info } = await sharp({
    text: { text: `${markup}${STRUT}`, ...font(SIZES[size].font), dpi: 72 },
  })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return inked({ data, width: info.width, height: info.height });
}

/** Without the columns at both sides that have no ink. */
function inked({ data, width, height }: Mask): Mask {
  const used = Array.from({ length: width }, (_, x) => x).filter((x) =>
    Array.from({ length: height }, (_, y) => data[y * width + x]!).some((ink) => ink > 0),
  );
  const left = used[0] ?? 0;
  const right = (used.at(-1) ?? -1) + 1;
  const rows = Array.from({ length: height }, (_, y) =>
    data.subarray(y * width + left, y * width + right),
  );
  return { data: Buffer.concat(rows), width: right - left, height };
}

/**
 * Puts a line of text onto a picture, in one grey.
 *
 * @param pixels `[height, width, 3]`
 * @param at top and left of the line; what is higher than the line reaches over it on both sides
 */
export function letter(
  pixels: Uint8Array,
  width: number,
  mask: Mask,
  [top, left]: readonly [number, number],
  { size, gray }: { size: Size; gray: number },
): void {
  const above = Math.floor((mask.height - lineHeight(size)) / 2);
  const height = pixels.length / (3 * width);
  for (let y = 0; y < mask.height; y++) {
    const row = top + y - above;
    if (row < 0 || row >= height) continue;
    for (let x = 0; x < mask.width; x++) {
      const ink = mask.data[y * mask.width + x]! / 255;
      const to = (row * width + left + x) * 3;
      for (let c = 0; c < 3; c++) {
        pixels[to + c] = Math.round(ink * gray + (1 - ink) * pixels[to + c]!);
      }
    }
  }
}
