import type { SignalPlan } from './signal-plan.js';

/** Gradients of the groups take at most so much where that leaves enough of them. */
const MOST_BYTES = 2 ** 30;
/** Fewer give wide intervals. */
const FEWEST = 8;

/** How many batches each group has, in their order: one where memory allows. */
export function planGroups(plan: SignalPlan, batches: number): number[] {
  const fits = (groups: number): boolean => keptBytes(plan, groups, batches) <= MOST_BYTES;
  let groups = batches;
  while (groups > FEWEST && !fits(groups)) groups--;
  return Array.from(
    { length: groups },
    (_, i) => Math.floor(((i + 1) * batches) / groups) - Math.floor((i * batches) / groups),
  );
}

/** Bytes of the gradients that `SignalAccumulator` keeps of all layers. */
export function keptBytes({ layers }: SignalPlan, groups: number, batches: number): number {
  const values = layers.reduce((sum, { size, losses }) => sum + size * losses.length, 0);
  const kept = groups < batches ? groups + 1 : groups;
  return Float32Array.BYTES_PER_ELEMENT * values * kept;
}
