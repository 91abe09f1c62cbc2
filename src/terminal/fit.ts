/** A part of a status line. */
export interface StatusPart {
  text: string;
  /** What it is instead where there is little room. */
  short?: string;
  /** Of the parts that are not needed, the one with the lowest number goes first; `needed` ones stay. */
  keep: number | 'needed';
}

const GAP = '  ';
/** Columns of a bar. */
const BAR = { narrowest: 8, widest: 20 };
/** Parts with a lower `keep` make room for a bar. */
const BAR_KEEP = 10;

/**
 * A status line: a bar and what stands behind it, as much as fits.
 *
 * @param share of the bar that is full, 0 to 1
 * @param columns there are; the text has no more
 */
export function statusLine(share: number, parts: readonly StatusPart[], columns: number): string {
  const bar = { text: '█'.repeat(BAR.narrowest), keep: BAR_KEEP };
  const shown = fitting([bar, ...parts], columns);
  if (!shown.includes(bar)) return textOf(shown).slice(0, Math.max(0, columns));
  const rest = textOf(shown.filter((part) => part !== bar));
  const width = Math.min(BAR.widest, columns - rest.length - GAP.length);
  return `${progressBar(share, width)}${GAP}${rest}`;
}

const textOf = (parts: readonly StatusPart[]): string => parts.map(({ text }) => text).join(GAP);

/** First goes what is not needed, then what is needed gets its short form, then the last of it goes. */
function fitting(parts: readonly StatusPart[], columns: number): readonly StatusPart[] {
  const fits = (some: readonly StatusPart[]): boolean => textOf(some).length <= columns;
  let shown = parts;
  while (!fits(shown)) {
    const spare = shown.filter(({ keep }) => keep !== 'needed');
    if (spare.length === 0) break;
    const [first] = spare.sort((a, b) => Number(a.keep) - Number(b.keep));
    shown = shown.filter((part) => part !== first);
  }
  if (fits(shown)) return shown;
  shown = shown.map((part) => ({ ...part, text: part.short ?? part.text }));
  while (!fits(shown) && shown.length > 1) shown = shown.slice(0, -1);
  return shown;
}

function progressBar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

/** Parts in as many lines as they need; those after the first are indented. Only a part that is too long alone is longer. */
export function wrapped(parts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = lines.length === 0 ? part : `${lines.at(-1)}${GAP}${part}`;
    if (lines.length > 0 && longer.length > columns) lines.push(`${GAP}${part}`);
    else lines[Math.max(0, lines.length - 1)] = longer;
  }
  return lines;
}
