import { distance } from 'fastest-levenshtein';

/** The candidate that was meant by a word, if one is near enough: a few letters away, or the one begins with the other. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const away = (other: string): number =>
    word.startsWith(other) || other.startsWith(word) ? 0 : distance(word, other);
  const [first] = [...candidates].sort((a, b) => away(a) - away(b));
  return first !== undefined && away(first) <= Math.max(2, word.length / 3) ? first : undefined;
}
