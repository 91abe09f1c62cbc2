import type { Pace } from '../bench/measure.js';
import type { RankBenchResult } from '../commands/bench-ranks.js';
import { describeEngine } from '../engine/engine.js';
import { number } from './bench-view.js';

/** A benchmark of several ranks as a person reads it. */
export function rankBenchReport(result: RankBenchResult): string[] {
  const { config, mode, precision, engine, ranks, batchSize, microBatch, steps, warmup } = result;
  const { alone, apart, together, efficiency, communication } = result;
  const { bytes, msByItself, waitedMs, hidden } = communication;
  const row = (name: string, pace: Pace): string => {
    const { median, min, max } = pace.msPerStep;
    return `${name.padEnd(28)}  ${number(pace.imagesPerSecond)} images per second, ${number(median)} ms per step (${number(min)} to ${number(max)})`;
  };
  return [
    `${config}, mode ${mode}, ${precision}, synthetic images, ${ranks} ranks`,
    `engine ${engine.name}: ${describeEngine(engine)}`,
    `${steps} steps of ${batchSize} images, of each rank ${batchSize / ranks} in micro-batches of ${microBatch}, after ${warmup} to warm up`,
    '',
    row('one rank alone', alone),
    row(`${ranks} at once, without talking`, apart),
    row(`${ranks} together`, together),
    `${'efficiency'.padEnd(28)}  ${efficiency.toFixed(3)} of ${ranks} times one alone`,
    '',
    `${'gradients'.padEnd(28)}  ${number(bytes / 1e6)} MB, added up by itself in ${number(msByItself)} ms`,
    `${'waited for others'.padEnd(28)}  ${number(waitedMs)} ms of a step: ${(100 * hidden).toFixed(0)} % hidden`,
  ];
}
