/**
 * Random brightness, contrast, saturation and hue of 8-bit pixels, to the bit what torchvision's ColorJitter does to
 * Pillow images: every change rounds to 8 bits as Pillow does (Image.blend, convert 'L' and 'HSV').
 */
import { permutation, Random } from '../../random.js';
import { type AugmentationType, rangeOf } from './augmentation-type.js';

type Range = readonly [number, number];

/** [smallest, largest] factor; of the hue: turn, 1 being the whole circle. Null: left as it is. */
export interface ColorJitter {
  brightness: Range | null;
  contrast: Range | null;
  saturation: Range | null;
  hue: Range | null;
}

/** Each a number b, or [smallest, largest]. */
export type ColorJitterConfig = { [Change in keyof ColorJitter]: number | Range };

export const colorJitter: AugmentationType<ColorJitterConfig, ColorJitter> = {
  about:
    "Random brightness, contrast, saturation and hue in random order, as torchvision's ColorJitter.",

  schema(z) {
    const strength = z.union([z.number().min(0), rangeOf(z, z.number().min(0))], {
      error: 'a number of 0 or more, or [smallest, largest] factor',
    });
    const hue = z.union([z.number().min(0).max(0.5), rangeOf(z, z.number().min(-0.5).max(0.5))], {
      error: 'hue: a number from 0 to 0.5, or [smallest, largest] between -0.5 and 0.5',
    });
    const factorOf = (what: string) =>
      strength
        .default(0)
        .describe(
          `${what}: a factor from [1 - b, 1 + b], at least 0, or from [smallest, largest].`,
        );
    return z.strictObject({
      brightness: factorOf('Brightness'),
      contrast: factorOf('Contrast'),
      saturation: factorOf('Saturation'),
      hue: hue
        .default(0)
        .describe('A turn of the hue from [-h, h] or [smallest, largest]; 1 is the whole circle.'),
    });
  },

  /** A number b is the range [1 − b, 1 + b] without what is negative, of the hue [−b, b], and 0 no change, as torchvision. */
  rule: ({ brightness, contrast, saturation, hue }) => ({
    brightness: around(brightness, 1),
    contrast: around(contrast, 1),
    saturation: around(saturation, 1),
    hue: around(hue, 0),
  }),

  change: (pixels, ranges, { seed, position }) =>
    jitter(pixels, chooseJitter(ranges, seed, position)),
};

function around(value: number | Range, centre: 0 | 1): Range | null {
  const range =
    typeof value === 'number'
      ? ([centre === 1 ? Math.max(0, 1 - value) : -value, centre + value] as const)
      : value;
  return range[0] === centre && range[1] === centre ? null : range;
}

export type ColorChange = { kind: keyof ColorJitter; by: number };

const KINDS = ['brightness', 'contrast', 'saturation', 'hue'] as const;

/**
 * Draws the changes of the image at a position, in the order in which they are made: the order and the four factors
 * are uniform, and drawn whether they are used or not, so that one being off does not change the others.
 */
export function chooseJitter(jitter: ColorJitter, seed: number, position: number): ColorChange[] {
  const random = new Random(seed, 'color-jitter', position);
  const order = permutation(KINDS.length, random);
  const drawn = KINDS.map((kind) => {
    const share = random.next();
    const range = jitter[kind];
    return range && { kind, by: range[0] + (range[1] - range[0]) * share };
  });
  return [...order].flatMap((i) => drawn[i] ?? []);
}

/** Changes 8-bit RGB pixels in place. */
export function jitter(pixels: Uint8Array, changes: readonly ColorChange[]): void {
  for (const { kind, by } of changes) {
    if (kind === 'brightness') apply(pixels, blendTable(0, by));
    else if (kind === 'contrast') apply(pixels, blendTable(meanGray(pixels), by));
    else if (kind === 'saturation') saturate(pixels, by);
    else turnHue(pixels, by);
  }
}

function apply(pixels: Uint8Array, table: Uint8Array): void {
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[pixels[i]!]!;
}

/** What becomes of 0 to 255 when blended with one value. */
function blendTable(other: number, by: number): Uint8Array {
  const alpha = Math.fround(by);
  return Uint8Array.from({ length: 256 }, (_, value) => blended(other, value, alpha));
}

/** Pillow's Image.blend in float32: other + alpha · (value − other), cut to 0 … 255, without its fraction. */
function blended(other: number, value: number, alpha: number): number {
  const mixed = Math.fround(other + Math.fround(alpha * (value - other)));
  return mixed <= 0 ? 0 : mixed >= 255 ? 255 : Math.trunc(mixed);
}

/** ITU-R 601 luma, as Pillow rounds it. */
function gray(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

function meanGray(pixels: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 3) {
    sum += gray(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
  }
  return Math.floor(sum / (pixels.length / 3) + 0.5);
}

function saturate(pixels: Uint8Array, by: number): void {
  const alpha = Math.fround(by);
  for (let i = 0; i < pixels.length; i += 3) {
    const r = pixels[i]!;
    const g = pixels[i + 1]!;
    const b = pixels[i + 2]!;
    const other = gray(r, g, b);
    pixels[i] = blended(other, r, alpha);
    pixels[i + 1] = blended(other, g, alpha);
    pixels[i + 2] = blended(other, b, alpha);
  }
}

/** The hue in 255ths of the circle, moved by whole ones, through 8-bit HSV. */
function turnHue(pixels: Uint8Array, by: number): void {
  const turn = Math.trunc(by * 255);
  for (let i = 0; i < pixels.length; i += 3) {
    const r = pixels[i]!;
    const g = pixels[i + 1]!;
    const b = pixels[i + 2]!;
    const most = Math.max(r, g, b);
    const spread = most - Math.min(r, g, b);
    const saturation = spread === 0 ? 0 : Math.fround(Math.fround(spread / most) * 255) | 0;
    if (saturation === 0) {
      pixels[i] = most;
      pixels[i + 1] = most;
      pixels[i + 2] = most;
    } else {
      writeHsv(pixels, i, (hueOf(r, g, b, most, spread) + turn) & 255, saturation, most);
    }
  }
}

/** 0 to 255, as Pillow computes it: in float32 but for the sums with whole numbers. */
function hueOf(r: number, g: number, b: number, most: number, spread: number): number {
  const rc = Math.fround((most - r) / spread);
  const gc = Math.fround((most - g) / spread);
  const bc = Math.fround((most - b) / spread);
  const sixth =
    r === most ? Math.fround(bc - gc) : Math.fround(g === most ? 2 + rc - bc : 4 + gc - rc);
  const turns = sixth / 6 + 1; // from 5/6 to less than 2
  return (Math.fround(turns >= 1 ? turns - 1 : turns) * 255) | 0;
}

function writeHsv(to: Uint8Array, at: number, hue: number, saturation: number, v: number): void {
  const sector = Math.floor((hue * 6) / 255);
  const f = Math.fround(Math.fround((hue * 6) / 255) - sector);
  const s = Math.fround(saturation / 255);
  const p = (v * (1 - s) + 0.5) | 0;
  const q = (v * (1 - Math.fround(s * f)) + 0.5) | 0;
  const t = (v * (1 - s * (1 - f)) + 0.5) | 0;
  let r = v; // sector 5, and what the others keep of it
  let g = p;
  let b = q;
  switch (sector) {
    case 0:
    case 6:
      g = t;
      b = p;
      break;
    case 1:
      r = q;
      g = v;
      b = p;
      break;
    case 2:
      r = p;
      g = v;
      b = t;
      break;
    case 3:
      r = p;
      g = q;
      b = v;
      break;
    case 4:
      r = t;
      g = p;
      b = v;
      break;
  }
  to[at] = r;
  to[at + 1] = g;
  to[at + 2] = b;
}
