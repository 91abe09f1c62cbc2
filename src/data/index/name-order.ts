/** Orders that do not depend on the locale or the file system. */

/**
 * Compare by Unicode code point, the order of the UTF-8 bytes. JavaScript's own `<` compares
 * UTF-16 units, which puts characters beyond U+FFFF before U+E000 … U+FFFF.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates (parts of characters beyond U+FFFF) above all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Whether a name is an integer, with leading zeros or without. */
export const isInteger = (name: string): boolean => /^-?\d+$/.test(name);

/**
 * The classes of a list file in the order of their labels: as numbers where all are integers, by code point else. Class
 * folders are another matter: they are in code-point order whatever they are called (docs/data.md).
 */
export function inLabelOrder(names: Iterable<string>): string[] {
  const sorted = [...names].sort(compareCodePoints);
  if (!sorted.every(isInteger)) return sorted;
  const values = new Map(sorted.map((name) => [name, BigInt(name)]));
  return sorted.sort((a, b) => (values.get(a)! < values.get(b)! ? -1 : 1));
}
