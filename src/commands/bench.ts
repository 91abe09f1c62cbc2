import { configSource, syntheticSource } from '../bench/batches.js';
import { type BenchMode, planBench } from '../bench/bench-plan.js';
import { BenchSession } from '../bench/bench-session.js';
import { type Measurements, measure } from '../bench/measure.js';
import { loadConfig } from '../config/load.js';
import type { EngineInfo, Precision, PrecisionChoice } from '../engine/engine.js';
import { openEngine } from '../engine/select.js';
import { version } from '../version.js';
import type { ConfigOptions, EngineOptions } from './options.js';

export const BENCH_DATA = ['synthetic', 'config'] as const;

export interface BenchCommandOptions extends ConfigOptions, EngineOptions {
  mode: BenchMode;
  /** Default: the config's. */
  precision?: PrecisionChoice;
  data: (typeof BENCH_DATA)[number];
  steps: number;
  warmup: number;
  microBatch?: number;
  batchSize?: number;
  /** Of `data: config`: whether decoded images are kept in memory for the next time, as in a training. */
  imageCache: boolean;
}

/** Format version 1, documented in docs/benchmarks.md. */
export interface BenchResult extends Measurements {
  formatVersion: 1;
  relaybp: string;
  config: string;
  mode: BenchMode;
  precision: Precision;
  data: BenchCommandOptions['data'];
  engine: EngineInfo;
  batchSize: number;
  microBatch: number;
}

/** `relaybp bench`: how fast a config trains, and where its time and memory go. Nothing is written. */
export async function benchCommand(
  file: string,
  options: BenchCommandOptions,
  onNotice: (line: string) => void,
): Promise<BenchResult> {
  const session = await openBenchSession(file, options, onNotice);
  try {
    const measured = await measure(session, options);
    const { plan, engine } = session;
    return {
      formatVersion: 1,
      relaybp: version,
      config: plan.config.name,
      mode: options.mode,
      precision: engine.info.precision,
      data: options.data,
      engine: engine.info,
      batchSize: plan.config.training.batchSize,
      microBatch: plan.microBatch,
      ...measured,
    };
  } finally {
    await session.close();
  }
}

export type SessionOptions = Omit<BenchCommandOptions, 'steps' | 'warmup'>;

/** Builds the network of a config, ready to run. Whoever opens it closes it. */
export async function openBenchSession(
  file: string,
  options: SessionOptions,
  onNotice: (line: string) => void,
): Promise<BenchSession> {
  const plan = planBench(loadConfig(file, options.set), options);
  const source =
    options.data === 'synthetic'
      ? syntheticSource(plan)
      : await configSource(plan, options.imageCache, onNotice);
  try {
    const precision = options.precision ?? plan.config.precision;
    const { convolution } = plan.config;
    const engine = await openEngine(options.engine, { precision, convolution, onNotice });
    return new BenchSession(plan, engine, source);
  } catch (error) {
    await source.close();
    throw error;
  }
}
