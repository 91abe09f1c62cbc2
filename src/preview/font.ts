import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** The font of contact sheets, as sharp's `text` takes one. It has Latin, Greek, Cyrillic, Arabic, Hebrew and more. */
export function font(size: number): { font: string; fontfile: string } {
  withoutFontconfig();
  return {
    font: `DejaVu Sans Condensed ${size}`,
    fontfile: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf'),
  };
}

/** fontconfig complains on standard error where it has no configuration, as in small containers: it is given one. */
function withoutFontconfig(): void {
  const { FONTCONFIG_FILE, FONTCONFIG_PATH } = process.env;
  if (FONTCONFIG_FILE || FONTCONFIG_PATH || existsSync('/etc/fonts/fonts.conf')) return;
  process.env.FONTCONFIG_FILE = fileURLToPath(
    new URL('../../src/preview/fonts.conf', import.meta.url),
  );
}
