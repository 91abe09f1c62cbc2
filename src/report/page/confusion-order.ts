import type { ValidationReport } from '../page-data.js';

export type Order = 'name' | 'accuracy' | 'similar';

/** Classes in the order of the matrix's rows; with `most`, only those with the most mistakes. */
export function orderClasses(
  { classes, perClass, confusion }: ValidationReport,
  order: Order,
  most: number | null,
): number[] {
  const mistakes = new Float64Array(classes.length);
  for (const [label, predicted, count] of confusion) {
    if (label === predicted) continue;
    mistakes[label]! += count;
    mistakes[predicted]! += count;
  }
  let all = classes.map((_, i) => i);
  if (most !== null) {
    all = all.sort((a, b) => mistakes[b]! - mistakes[a]! || a - b).slice(0, most);
  }
  const byName = (a: number, b: number): number => classes[a]!.localeCompare(classes[b]!);
  if (order === 'name') return all.sort(byName);
  if (order === 'similar')
    return similar(
      all,
      confusion,
      perClass.map(({ images }) => images),
    );
  return all.sort((a, b) => (perClass[a]!.top1 ?? -1) - (perClass[b]!.top1 ?? -1) || byName(a, b));
}

/** How many of the last classes the next one is to resemble, each half as much as the one after it. */
const BACK = 4;

/** A chain in which each class is the one most often taken for, or as, the last few before it. */
function similar(
  all: readonly number[],
  confusion: ValidationReport['confusion'],
  images: readonly number[],
): number[] {
  const near = new Map<number, Map<number, number>>();
  const add = (a: number, b: number, value: number): void => {
    const row = near.get(a) ?? new Map<number, number>();
    near.set(a, row.set(b, (row.get(b) ?? 0) + value));
  };
  for (const [label, predicted, count] of confusion) {
    if (label === predicted) continue;
    const share = count / Math.max(1, images[label]!);
    add(label, predicted, share);
    add(predicted, label, share);
  }
  const weight = (a: number): number =>
    [...(near.get(a)?.values() ?? [])].reduce((s, v) => s + v, 0);
  const order = [...all].sort((a, b) => weight(b) - weight(a) || a - b);
  const left = new Map(order.map((one, place) => [one, place]));
  const chain: number[] = [];
  let first = 0; // all before it are in the chain
  while (left.size > 0) {
    while (!left.has(order[first]!)) first += 1;
    let [best, highest] = [order[first]!, 0];
    for (const [candidate, score] of scores(chain, near)) {
      const place = left.get(candidate);
      if (place === undefined || score < highest) continue;
      if (score > highest || place < left.get(best)!) [best, highest] = [candidate, score];
    }
    chain.push(best);
    left.delete(best);
  }
  return chain;
}

/** Of those alone that have anything to do with the last of the chain: with thousands of classes few have. */
function scores(
  chain: readonly number[],
  near: ReadonlyMap<number, ReadonlyMap<number, number>>,
): Map<number, number> {
  const found = new Map<number, number>();
  for (let back = 1; back <= Math.min(BACK, chain.length); back++) {
    for (const [candidate, share] of near.get(chain.at(-back)!) ?? []) {
      found.set(candidate, (found.get(candidate) ?? 0) + share / 2 ** (back - 1));
    }
  }
  return found;
}
