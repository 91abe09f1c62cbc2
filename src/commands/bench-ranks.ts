import { syntheticSource } from '../bench/batches.js';
import { planBench } from '../bench/bench-plan.js';
import { BenchSession } from '../bench/bench-session.js';
import { measureRanks, type RankMeasurements } from '../bench/measure-ranks.js';
import { loadConfig } from '../config/load.js';
import { isAgreed, onAll } from '../distributed/agree.js';
import type { Communicator } from '../distributed/communicator.js';
import { openRanks } from '../distributed/open-ranks.js';
import { openEngine } from '../engine/select.js';
import { ConfigError } from '../errors.js';
import { version } from '../version.js';
import type { BenchCommandOptions, BenchResult } from './bench.js';
import { BENCH_DEFAULTS, DEFAULT_ENGINE, RANK_TIMEOUT } from './defaults.js';
import { type Hooks, listening } from './hooks.js';
import { withDefaults } from './options.js';

export interface RankBenchOptions extends BenchCommandOptions {
  /** How many the user wants; the launcher has started them. */
  ranks?: number;
}

/** Format version 1, documented in docs/benchmarks.md. */
export interface RankBenchResult
  extends RankMeasurements,
    Pick<
      BenchResult,
      | 'formatVersion'
      | 'relaybp'
      | 'config'
      | 'mode'
      | 'precision'
      | 'engine'
      | 'batchSize'
      | 'microBatch'
      | 'steps'
      | 'warmup'
    > {}

/**
 * `relaybp bench --ranks N`, in each of the ranks: how much faster they are together than one of them, and how much of
 * what they say to each other is hidden behind the backward pass. The batch is that of all.
 *
 * @returns null in ranks other than the first
 */
export async function rankBenchCommand(
  file: string,
  options: RankBenchOptions = {},
  hooks: Hooks = {},
): Promise<RankBenchResult | null> {
  const ranks = await openRanks({ timeout: RANK_TIMEOUT });
  try {
    const result = await benchAs(ranks, file, options, ranks.rank === 0 ? hooks : {});
    await ranks.close();
    return ranks.rank === 0 ? result : null;
  } catch (error) {
    if (isAgreed(error)) await ranks.close(); // else the launcher ends the others when this process has ended
    throw error;
  }
}

async function benchAs(
  ranks: Communicator,
  file: string,
  options: RankBenchOptions,
  hooks: Hooks,
): Promise<RankBenchResult> {
  const { notice } = listening(hooks);
  const given = withDefaults(options, BENCH_DEFAULTS);
  const { mode, data, steps, warmup, microBatch } = given;
  const { size } = ranks;
  const prepared = await onAll(ranks, async () => {
    if (data !== 'synthetic') {
      throw new ConfigError(
        `--data ${data} with several ranks: they are measured with synthetic images only`,
        'leave --data out',
      );
    }
    if (options.ranks !== undefined && options.ranks !== size) {
      throw new ConfigError(
        `--ranks ${options.ranks}, but the launcher has started ${size}`,
        'leave --ranks out',
      );
    }
    const loaded = loadConfig(file, options.set);
    const whole = microBatch === undefined ? loaded.config.training.batchSize : microBatch * size;
    const { batchSize = whole } = options;
    const plan = planBench(loaded, { ...given, batchSize, ranks: size });
    const own = { batchSize: batchSize / size, microBatch: plan.microBatch, ranks: 1 };
    const part = planBench(loaded, { ...given, ...own });
    const precision = options.precision ?? plan.config.precision;
    const { convolution } = plan.config;
    const asked = { precision, convolution, onNotice: notice };
    return { plan, part, engine: await openEngine(options.engine ?? DEFAULT_ENGINE, asked) };
  });
  const { plan, part, engine } = prepared;
  const measured = await measureRanks(
    ranks,
    {
      openApart: () => new BenchSession(part, engine, syntheticSource(part)),
      openTogether: () => new BenchSession(plan, engine, syntheticSource(plan), ranks),
    },
    { steps, warmup },
  );
  return {
    formatVersion: 1,
    relaybp: version,
    config: plan.config.name,
    mode,
    precision: engine.info.precision,
    engine: engine.info,
    batchSize: plan.config.training.batchSize,
    microBatch: plan.microBatch,
    steps,
    warmup,
    ...measured,
  };
}
