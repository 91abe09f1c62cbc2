import { gatherFrom } from '../distributed/agree.js';
import type { Communicator } from '../distributed/communicator.js';
import type { BenchSession } from './bench-session.js';
import { type MeasureOptions, median, type Pace, paceOf } from './measure.js';

export interface RankMeasurements {
  ranks: number;
  /** Rank 0 with its part of the batch, the others standing still. */
  alone: Pace;
  /** All ranks with their parts at the same time, none talking to another: images of all. */
  apart: Pace;
  /** As they train. */
  together: Pace;
  /** Images per second together over those of as many ranks as fast as one alone. */
  efficiency: number;
  communication: {
    /** Of all gradients. */
    bytes: number;
    /** Milliseconds that adding them up takes while nothing else is done. */
    msByItself: number;
    /** Milliseconds of a step that rank 0 waits for others: what is not hidden, and differences between ranks. */
    waitedMs: number;
    /** Share of `msByItself` that is not waited for. */
    hidden: number;
  };
}

/** What ranks do one after another in a benchmark. All do the same in the same order. */
interface RankSessions {
  /** Opens a network of which each rank has its own, on its part of the batch. */
  readonly openApart: () => BenchSession;
  /** Opens the one that all train. */
  readonly openTogether: () => BenchSession;
}

/** So often gradients are added up by themselves. */
const EXCHANGES = 5;

/** Steps of one rank alone, of all apart, of all together; then what they say to each other by itself. */
export async function measureRanks(
  ranks: Communicator,
  { openApart, openTogether }: RankSessions,
  options: MeasureOptions,
): Promise<RankMeasurements> {
  const own = openApart();
  const part = own.plan.config.training.batchSize;
  let alone: Pace | null = null;
  let apart: Pace;
  try {
    if (ranks.rank === 0) alone = paceOf(await times(own, options), part);
    await ranks.barrier();
    const each = await gatherFrom(ranks, () => times(own, options));
    const slowest = each[0]!.map((_, step) => Math.max(...each.map((steps) => steps[step]!)));
    apart = paceOf(slowest, ranks.size * part);
  } finally {
    await own.close();
  }
  const session = openTogether();
  try {
    for (let i = 0; i < options.warmup; i++) await session.run();
    const steps: number[] = [];
    const waits: number[] = [];
    for (let i = 0; i < options.steps; i++) {
      const before = ranks.waitedMs;
      steps.push((await session.run()).ms);
      waits.push(ranks.waitedMs - before);
    }
    const exchanges: number[] = [];
    for (let i = 0; i < EXCHANGES; i++) {
      await ranks.barrier();
      const start = performance.now();
      await session.ranks!.exchange();
      exchanges.push(performance.now() - start);
    }
    const [first] = await gatherFrom(ranks, () => alone);
    const together = paceOf(steps, ranks.size * part);
    const msByItself = median(exchanges);
    const waitedMs = median(waits);
    return {
      ranks: ranks.size,
      alone: first!,
      apart,
      together,
      efficiency: together.imagesPerSecond / (ranks.size * first!.imagesPerSecond),
      communication: {
        bytes: session.ranks!.bytes,
        msByItself,
        waitedMs,
        hidden: Math.max(0, 1 - waitedMs / msByItself),
      },
    };
  } finally {
    await session.close();
  }
}

async function times(session: BenchSession, { steps, warmup }: MeasureOptions): Promise<number[]> {
  for (let i = 0; i < warmup; i++) await session.run();
  const all: number[] = [];
  for (let i = 0; i < steps; i++) all.push((await session.run()).ms);
  return all;
}
