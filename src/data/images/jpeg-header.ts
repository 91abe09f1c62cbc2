/**
 * What a JPEG file says of itself before its first scan (T.81, annex B), read strictly: whatever is not as nearly every
 * photograph has it makes it no file for the fast decoder.
 */
import { exifOrientation } from './exif-orientation.js';

export interface JpegHeader {
  width: number;
  height: number;
  /** One component instead of luma and chroma. */
  gray: boolean;
  progressive: boolean;
  /** Samples of luma for each of chroma, across and down: 1 × 1 (4:4:4), 2 × 1 (4:2:2) or 2 × 2 (4:2:0). */
  sampling: readonly [across: number, down: number];
  /** Of EXIF, 1 to 8; 1 if there is none. */
  orientation: number;
  /** The segments with the colour profile, as they are in the file; empty if there is none. */
  profile: readonly Uint8Array[];
}

const MARKER = 0xff;
const START = 0xd8;
const SCAN = 0xda;
const FRAMES = new Map([
  [0xc0, false], // baseline
  [0xc1, false], // extended sequential
  [0xc2, true], // progressive
]);
/** Huffman tables, quantization tables, restart interval, comment. */
const PLAIN = new Set([0xc4, 0xdb, 0xdd, 0xfe]);

/** @returns null if anything is unusual */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | null {
  if (bytes[0] !== MARKER || bytes[1] !== START) return null;
  const found = new Found(bytes);
  for (let at = 2; ; ) {
    if (at + 4 > bytes.length || bytes[at] !== MARKER) return null;
    const marker = bytes[at + 1]!;
    const end = at + 2 + uint16(bytes, at + 2);
    if (end < at + 4 || end > bytes.length) return null;
    if (marker === SCAN) return found.header();
    if (!found.take(marker, at + 4, end)) return null;
    at = end;
  }
}

const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** What the segments have said so far. */
class Found {
  readonly #bytes: Uint8Array;
  #frame: Pick<JpegHeader, 'width' | 'height' | 'gray' | 'progressive' | 'sampling'> | null = null;
  /** Whether the components have the usual numbers. */
  #numbered = false;
  #orientation: number | null = null;
  #adobe: number | null = null;
  readonly #profile: Uint8Array[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @param start of what the segment holds; @param end of it; @returns false if it is unusual */
  take(marker: number, start: number, end: number): boolean {
    if (PLAIN.has(marker)) return true;
    const progressive = FRAMES.get(marker);
    if (progressive !== undefined) return this.#takeFrame(start, end, progressive);
    if (marker === 0xe1 && this.#begins(start, end, 'Exif\0\0')) {
      if (this.#orientation !== null) return false;
      this.#orientation = exifOrientation(this.#bytes.subarray(start + 6, end));
      return this.#orientation !== null;
    }
    if (marker === 0xe2 && this.#begins(start, end, 'ICC_PROFILE\0')) {
      this.#profile.push(this.#bytes.subarray(start - 4, end));
    } else if (marker === 0xee && this.#begins(start, end, 'Adobe')) {
      if (this.#adobe !== null || end - start < 12) return false;
      this.#adobe = this.#bytes[start + 11]!;
    }
    return marker >= 0xe0 && marker <= 0xef;
  }

  #takeFrame(start: number, end: number, progressive: boolean): boolean {
    const bytes = this.#bytes;
    if (this.#frame || end - start < 9 || bytes[start] !== 8) return false;
    const [height, width] = [uint16(bytes, start + 1), uint16(bytes, start + 3)];
    const components = bytes[start + 5]!;
    const gray = components === 1;
    if ((!gray && components !== 3) || end - start !== 6 + 3 * components) return false;
    const luma = gray ? 0x11 : bytes[start + 7]!;
    if (luma !== 0x11 && luma !== 0x21 && luma !== 0x22) return false;
    if (!gray && (bytes[start + 10] !== 0x11 || bytes[start + 13] !== 0x11)) return false;
    this.#numbered =
      gray || (bytes[start + 6] === 1 && bytes[start + 9] === 2 && bytes[start + 12] === 3);
    this.#frame = { width, height, gray, progressive, sampling: [luma >> 4, luma & 15] };
    return width > 0 && height > 0;
  }

  header(): JpegHeader | null {
    if (!this.#frame) return null;
    // By another mark of Adobe's, or other numbers, the components are something else than luma and chroma.
    const usual = this.#frame.gray
      ? this.#adobe === null
      : this.#numbered && (this.#adobe ?? 1) === 1;
    if (!usual) return null;
    return { ...this.#frame, orientation: this.#orientation ?? 1, profile: this.#profile };
  }

  #begins(start: number, end: number, text: string): boolean {
    if (end - start < text.length) return false;
    for (let i = 0; i < text.length; i++) {
      if (this.#bytes[start + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }
}
