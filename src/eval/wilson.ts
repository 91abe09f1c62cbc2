/** Of the standard normal distribution, two-sided: 95 % lie within ± this. */
export const Z95 = 1.959963984540054;

/**
 * Wilson's score interval for a proportion, at 95 %:
 * `(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)` with `p = hits / n`.
 *
 * @returns `[low, high]`, fractions; `[0, 1]` for n = 0
 */
export function wilson(hits: number, n: number): [number, number] {
  if (n === 0) return [0, 1];
  const p = hits / n;
  const z2 = (Z95 * Z95) / n;
  const centre = p + z2 / 2;
  const half = Math.sqrt(z2 * (p * (1 - p) + z2 / 4));
  const bound = (value: number): number => Math.min(1, Math.max(0, value / (1 + z2)));
  return [bound(centre - half), bound(centre + half)];
}
