/**
 * Student's distribution for whole degrees of freedom, by its finite series (Abramowitz & Stegun, 26.7.3 and 26.7.4).
 *
 * @param t zero or more
 * @returns the probability of a value within ±t
 */
export function studentWithin(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = freedom % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k < freedom; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}

const known = new Map<number, number>();

/** 95 % of Student's distribution lie within ± this. @param freedom degrees of freedom, one or more */
export function student95(freedom: number): number {
  const before = known.get(freedom);
  if (before !== undefined) return before;
  let [low, high] = [1.9, 13]; // of infinitely many, and of one
  for (let middle = (low + high) / 2; low < middle && middle < high; middle = (low + high) / 2) {
    if (studentWithin(middle, freedom) < 0.95) low = middle;
    else high = middle;
  }
  known.set(freedom, high);
  return high;
}
