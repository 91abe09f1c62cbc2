/** Comparing two contenders on a machine that is never quite quiet. */
import { setTimeout } from 'node:timers/promises';

/** Threads of a process that has just finished spin for a moment; the other one does not start into that. */
const PAUSE_MS = 300;

/**
 * Rounds in which each contender runs the same number of steps while the other sits idle; who begins alternates. Both
 * have warmed up before the first.
 *
 * @param {[import('./contender.js').Contender, import('./contender.js').Contender]} pair
 * @param {{ rounds: number, steps: number, warmup: number, skip?: number, onRound?: (round: number, ms: [number, number]) => void }} options
 *   `skip`: so many steps at the beginning of each turn do not count
 * @returns {Promise<{ rounds: [number, number][], memory: [import('./contender.js').Memory, import('./contender.js').Memory], turns: [any[], any[]] }>}
 *   for each round both contenders' median milliseconds of a step, their memory at the end, and all that they said
 */
export async function interleave(pair, { rounds, steps, warmup, skip = 0, onRound }) {
  for (const contender of pair) {
    await contender.run(warmup);
    await setTimeout(PAUSE_MS);
  }
  /** @type {[number, number][]} */
  const measured = [];
  const memory = [];
  /** @type {[any[], any[]]} */
  const turns = [[], []];
  for (let round = 0; round < rounds; round++) {
    const ms = [0, 0];
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const turn = await pair[i].run(steps);
      ms[i] = median(turn.ms.slice(skip));
      memory[i] = turn.memory;
      turns[i].push(turn);
      await setTimeout(PAUSE_MS);
    }
    measured.push([ms[0], ms[1]]);
    onRound?.(round, [ms[0], ms[1]]);
  }
  return { rounds: measured, memory: [memory[0], memory[1]], turns };
}

/**
 * The speeds of two sides, and the first's over the second's, where a step is an image.
 *
 * @param {[number, number][]} rounds milliseconds of each side
 */
export function compared(rounds) {
  const ratios = rounds.map(([a, b]) => b / a);
  return {
    speeds: [0, 1].map((side) => 1000 / median(rounds.map((round) => round[side]))),
    ratios: {
      ratio: median(ratios),
      ratio_min: Math.min(...ratios),
      ratio_max: Math.max(...ratios),
    },
  };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
