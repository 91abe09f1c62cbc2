/** Softmax cross-entropy in double precision. */

/**
 * Fills `losses` `[b]` and `gradient` `[b, classes]` = `scales[row] * (softmax - onehot)`. The largest logit is taken off
 * first, so that nothing overflows, and its own term of the sum is kept apart, so that small losses stay exact.
 * A label of -1 marks a row that does not count.
 */
export function softmaxCrossEntropy(
  logits: Float32Array,
  labels: Int32Array,
  scales: Float64Array,
  losses: Float32Array,
  gradient: Float32Array,
): void {
  const classes = logits.length / labels.length;
  for (let b = 0; b < labels.length; b++) {
    const label = labels[b] as number;
    const row = logits.subarray(b * classes, (b + 1) * classes);
    const out = gradient.subarray(b * classes, (b + 1) * classes);
    if (label < 0) {
      out.fill(0);
      losses[b] = 0;
      continue;
    }
    const scale = scales[b] as number;
    const { top, largest, rest } = exponentials(row);
    losses[b] = Math.log1p(rest) + largest - (row[label] as number);
    for (let c = 0; c < classes; c++) {
      const probability = Math.exp((row[c] as number) - largest) / (1 + rest);
      // 1 - p of a confident row would lose its digits: the other classes' share says it exactly.
      const own = c === top ? -rest / (1 + rest) : probability - 1;
      out[c] = scale * (c === label ? own : probability);
    }
  }
}

/**
 * The same for a distribution over the classes per row, `targets` `[b, classes]`: `gradient` = `scales[row] *
 * (softmax - target)`. A row of zeros does not count.
 */
export function softTargetCrossEntropy(
  logits: Float32Array,
  targets: Float32Array,
  scales: Float64Array,
  losses: Float32Array,
  gradient: Float32Array,
): void {
  const classes = logits.length / losses.length;
  for (let b = 0; b < losses.length; b++) {
    const row = logits.subarray(b * classes, (b + 1) * classes);
    const wanted = targets.subarray(b * classes, (b + 1) * classes);
    const out = gradient.subarray(b * classes, (b + 1) * classes);
    if (wanted.every((share) => share === 0)) {
      out.fill(0);
      losses[b] = 0;
      continue;
    }
    const scale = scales[b] as number;
    const { largest, rest } = exponentials(row);
    let loss = 0;
    for (let c = 0; c < classes; c++) {
      const logit = (row[c] as number) - largest;
      const share = wanted[c] as number;
      if (share !== 0) loss += share * (Math.log1p(rest) - logit);
      out[c] = scale * (Math.exp(logit) / (1 + rest) - share);
    }
    losses[b] = loss;
  }
}

/** The largest logit and its place, and the sum of the other ones' exponentials, relative to its own. */
function exponentials(row: Float32Array): { top: number; largest: number; rest: number } {
  let top = 0;
  for (let c = 1; c < row.length; c++) if ((row[c] as number) > (row[top] as number)) top = c;
  const largest = row[top] as number;
  let rest = 0;
  for (let c = 0; c < row.length; c++)
    if (c !== top) rest += Math.exp((row[c] as number) - largest);
  return { top, largest, rest };
}
