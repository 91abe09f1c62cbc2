/** Small text on raw pixels: no font needs to be installed where it is drawn. */
import font from 'oled-font-5x7';

/** Of one character with the gap after and below it, in pixels. */
export const CELL = { width: font.width + 1, height: font.height + 2 };

/**
 * Draws a line of printable ASCII in one grey; any other character is drawn as `?`, and what does not fit is cut off
 * with `..`.
 *
 * @param pixels `[height, width, 3]`
 * @param scale whole pixels for each of the font's
 * @param room how many pixels wide the text may be
 */
export function letter(
  pixels: Uint8Array,
  width: number,
  text: string,
  [top, left]: readonly [number, number],
  { room, scale, gray }: { room: number; scale: number; gray: number },
): void {
  const most = Math.max(2, Math.floor(room / (CELL.width * scale)));
  const characters = [...text];
  const shown =
    characters.length <= most ? characters : [...characters.slice(0, most - 2), '.', '.'];
  shown.forEach((character, n) => {
    const known = font.lookup.indexOf(character);
    const glyph = known >= 0 ? known : font.lookup.indexOf('?');
    for (let x = 0; x < font.width * scale; x++) {
      const column = font.fontData[glyph * font.width + Math.floor(x / scale)]!;
      for (let y = 0; y < font.height * scale; y++) {
        if (((column >> Math.floor(y / scale)) & 1) === 0) continue;
        const at = ((top + y) * width + left + n * CELL.width * scale + x) * 3;
        pixels.fill(gray, at, at + 3);
      }
    }
  });
}
