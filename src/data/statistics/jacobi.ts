/** Eigenvalues of a symmetric 3×3 matrix. */

export interface Eigen3 {
  /** Largest first. */
  values: [number, number, number];
  /** `vectors[i]` belongs to `values[i]`; length 1; the component largest in size is positive. */
  vectors: [[number, number, number], [number, number, number], [number, number, number]];
}

const PAIRS = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

/**
 * Cyclic Jacobi iteration (Golub & Van Loan, Matrix Computations, §8.5): rotate each off-diagonal
 * entry to zero in turn until all are; accurate to rounding in a few sweeps.
 * @param matrix row by row, only read
 */
export function symmetricEigen3(matrix: readonly (readonly number[])[]): Eigen3 {
  const a = matrix.map((row) => [...row]);
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  for (let sweep = 0; sweep < 50; sweep++) {
    const off = PAIRS.reduce((sum, [p, q]) => sum + a[p]![q]! ** 2, 0);
    if (off === 0) break;
    for (const [p, q] of PAIRS) rotate(a, v, p, q);
  }
  const order = [0, 1, 2].sort((i, j) => a[j]![j]! - a[i]![i]!);
  const vector = (i: number): [number, number, number] => {
    const [x, y, z] = [v[0]![i]!, v[1]![i]!, v[2]![i]!];
    const largest = [x, y, z].reduce((m, e) => (Math.abs(e) > Math.abs(m) ? e : m));
    const sign = largest < 0 ? -1 : 1;
    return [sign * x, sign * y, sign * z];
  };
  const [i, j, k] = [order[0]!, order[1]!, order[2]!];
  return {
    values: [a[i]![i]!, a[j]![j]!, a[k]![k]!],
    vectors: [vector(i), vector(j), vector(k)],
  };
}

/** a ← Jᵀ a J and v ← v J with the rotation J in the plane (p, q) that makes a[p][q] zero. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const apq = a[p]![q]!;
  if (apq === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cos = 1 / Math.hypot(t, 1);
  const sin = t * cos;
  const turn = (row: number[]): void => {
    const [x, y] = [row[p]!, row[q]!];
    row[p] = cos * x - sin * y;
    row[q] = sin * x + cos * y;
  };
  for (const row of a) turn(row);
  const [ap, aq] = [a[p]!, a[q]!];
  for (let c = 0; c < 3; c++) {
    const [x, y] = [ap[c]!, aq[c]!];
    ap[c] = cos * x - sin * y;
    aq[c] = sin * x + cos * y;
  }
  ap[q] = 0;
  aq[p] = 0;
  for (const row of v) turn(row);
}
