import { configSource, syntheticSource } from '../bench/batches.js';
import { type BenchMode, planBench } from '../bench/bench-plan.js';
import { BenchSession } from '../bench/bench-session.js';
import { type Measurements, measure } from '../bench/measure.js';
import { loadConfig } from '../config/load.js';
import type { EngineInfo, Precision, PrecisionChoice } from '../engine/engine.js';
import { openEngine } from '../engine/select.js';
import { version } from '../version.js';
import { type BENCH_DATA, BENCH_DEFAULTS, DEFAULT_ENGINE } from './defaults.js';
import { type Hooks, listening } from './hooks.js';
import { type ConfigOptions, type EngineOptions, withDefaults } from './options.js';

export interface BenchCommandOptions extends ConfigOptions, EngineOptions {
  mode?: BenchMode;
  /** Default: the config's. */
  precision?: PrecisionChoice;
  data?: (typeof BENCH_DATA)[number];
  /** To measure, and before. */
  steps?: number;
  warmup?: number;
  microBatch?: number;
  batchSize?: number;
  /** Of a training whose losses change: the number of the phase, from 1; default: the first. */
  phase?: number;
  /** Of `data: config`: whether decoded images are kept in memory for the next time, as in a training. */
  imageCache?: boolean;
}

/** Format version 1, documented in docs/benchmarks.md. */
export interface BenchResult extends Measurements {
  formatVersion: 1;
  relaybp: string;
  config: string;
  mode: BenchMode;
  precision: Precision;
  data: (typeof BENCH_DATA)[number];
  engine: EngineInfo;
  batchSize: number;
  microBatch: number;
}

/** `relaybp bench`: how fast a config trains, and where its time and memory go. Nothing is written. */
export async function benchCommand(
  file: string,
  options: BenchCommandOptions = {},
  hooks: Hooks = {},
): Promise<BenchResult> {
  const { mode, data, steps, warmup } = withDefaults(options, BENCH_DEFAULTS);
  const session = await openBenchSession(file, options, hooks);
  try {
    const measured = await measure(session, { steps, warmup });
    const { plan, engine } = session;
    return {
      formatVersion: 1,
      relaybp: version,
      config: plan.config.name,
      mode,
      precision: engine.info.precision,
      data,
      engine: engine.info,
      batchSize: plan.config.training.batchSize,
      microBatch: plan.microBatch,
      ...measured,
    };
  } finally {
    await session.close();
  }
}

/** Builds the network of a config, ready to run. Whoever opens it closes it. */
export async function openBenchSession(
  file: string,
  options: Omit<BenchCommandOptions, 'steps' | 'warmup'>,
  hooks: Hooks = {},
): Promise<BenchSession> {
  const { notice } = listening(hooks);
  const { engine: choice = DEFAULT_ENGINE, imageCache = true } = options;
  const { data, ...how } = withDefaults(options, BENCH_DEFAULTS);
  const plan = planBench(loadConfig(file, options.set), how);
  const source =
    data === 'synthetic' ? syntheticSource(plan) : await configSource(plan, imageCache, notice);
  try {
    const precision = options.precision ?? plan.config.precision;
    const { convolution } = plan.config;
    const engine = await openEngine(choice, { precision, convolution, onNotice: notice });
    return new BenchSession(plan, engine, source);
  } catch (error) {
    await source.close();
    throw error;
  }
}
