import type { ExperimentConfig } from '../config/experiment-schema.js';
import type { LoadedConfig } from '../config/load.js';
import { ConfigError } from '../errors.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { inPhase, phaseOf } from '../experiment/moment.js';

export const BENCH_MODES = ['config', 'relay', 'multiloss', 'bp'] as const;

/**
 * Which losses train what, whatever the config's own ranges are:
 * - `config`: as in the config; `relay`: the same, provided that it is relay backpropagation;
 * - `multiloss`: every loss reaches the bottom of the trunk;
 * - `bp`: standard backpropagation, the primary loss alone down to the bottom, without auxiliary heads.
 */
export type BenchMode = (typeof BENCH_MODES)[number];

export interface BenchPlanOptions {
  readonly mode: BenchMode;
  /** Images at once; without `batchSize` also the images of a step. */
  readonly microBatch?: number;
  /** Images of a step. */
  readonly batchSize?: number;
  /** Of a training whose losses change: the number of the phase, from 1; default: the first. */
  readonly phase?: number;
  /** Processes that train together, each its part of a step; default: one. */
  readonly ranks?: number;
  /** Whether signals go down early, see `planExperiment`. */
  readonly early?: boolean;
}

/** @throws ConfigError as `planExperiment`, for a phase that there is not, or where the mode has none of its own; and for mode `relay` if every loss of the config reaches the bottom */
export function planBench(loaded: LoadedConfig, options: BenchPlanOptions): ExperimentPlan {
  const { microBatch, batchSize = microBatch, phase, early, ranks } = options;
  const training = {
    ...loaded.config.training,
    ...(microBatch === undefined ? {} : { microBatch }),
    ...(batchSize === undefined ? {} : { batchSize }),
  };
  const sized = { ...loaded, config: { ...loaded.config, training } };
  checkPhase(options);
  const planned = planExperiment(sized, early, ranks);
  const plan = phase === undefined ? planned : inPhase(planned, phaseOf(planned, phase));
  switch (options.mode) {
    case 'config':
      return plan;
    case 'relay':
      checkRelay(plan);
      return plan;
    case 'multiloss':
      return planExperiment(
        { ...sized, config: fullRanges(sized.config, () => true) },
        early,
        ranks,
      );
    case 'bp': {
      const primary = plan.primary.name;
      const config = fullRanges(sized.config, (name) => name === primary);
      return planExperiment({ ...sized, config }, early, ranks);
    }
  }
}

/** The other two modes have losses of their own, the same throughout. */
function checkPhase({ mode, phase }: BenchPlanOptions): void {
  if (phase === undefined || mode === 'config' || mode === 'relay') return;
  throw new ConfigError(
    `--phase ${phase}: with --mode ${mode} losses do not change`,
    'leave --phase out, or use --mode config',
  );
}

function fullRanges(config: ExperimentConfig, keep: (loss: string) => boolean): ExperimentConfig {
  const losses = config.losses
    .filter(({ name }) => keep(name))
    .map(({ range: _, ...loss }) => ({ ...loss, enabled: true }));
  return { ...config, losses };
}

function checkRelay({ config, losses, trunk }: ExperimentPlan): void {
  const lowest = trunk.findIndex((layer) => layer.trainable);
  if (losses.some(({ reach }) => reach === null || reach > lowest)) return;
  throw new ConfigError(
    `--mode relay: in ${config.name} every loss reaches the bottom of the trunk, so nothing is relayed`,
    'use --mode config, or give a loss a range that ends higher up (losses.<name>.range)',
  );
}
