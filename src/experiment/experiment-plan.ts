import type { Duration } from '../config/duration.js';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { formatPath } from '../config/issues.js';
import type { LoadedConfig } from '../config/load.js';
import { ConfigError } from '../errors.js';
import { volume } from '../model/layers/layer-plan.js';
import type { LayerPlan } from '../model/layers/table.js';
import { planNetwork } from '../model/network.js';
import {
  isTrainable,
  lrFactorsOf,
  type NetworkPlan,
  trunkOf,
  withBatchStatistics,
} from '../model/network-plan.js';
import { primaryLoss, type ResolvedLoss, type TrunkLayer } from '../relay/ranges.js';
import { type Head, planStep, type StepPlan } from '../relay/step-plan.js';
import { type ClassWeights, checkClassWeights } from './class-factors.js';
import { checkLossTimes } from './loss-time-rules.js';
import { lossesByPhase } from './phase-losses.js';
import { recomputedSegments } from './recompute.js';
import { type MemoryInputs, memoryPlan } from './step-memory.js';

/** Everything that follows from a config before any tensor is made: the network, the ranges, the training step. */
export interface ExperimentPlan {
  readonly config: ExperimentConfig;
  readonly network: NetworkPlan;
  /** Trunk layers from input to output, as ranges see them. */
  readonly trunk: readonly TrunkLayer[];
  /** Those that are on in the first step, with their weights then; `planAt` has those of any other. */
  readonly losses: readonly ResolvedLoss[];
  /** Its head is the network's output at test time. */
  readonly primary: ResolvedLoss;
  readonly heads: readonly Head[];
  /** Images per micro-batch; divides `batchSize`, and each rank's part of it. */
  readonly microBatch: number;
  /** Processes that train together, each on its part of every batch. */
  readonly ranks: number;
  readonly step: StepPlan;
  /** Whether `step` lets signals go down early; see `StepOptions`. */
  readonly early: boolean;
  /** The parts of the training with losses and a step of their own, in their order; the first one's are those above. */
  readonly phases: readonly PhasePlan[];
  /** Segments that are computed again in the backward pass. */
  readonly recompute: readonly string[];
  /** Each parameter is updated as soon as its gradient is known: nothing else has to be known of the step. */
  readonly updateAtOnce: boolean;
  /** Every layer of trunk and heads by name (not those inside branches). */
  readonly layers: ReadonlyMap<string, LayerPlan>;
  /** By parameter, where the learning rate is another than the schedule's. */
  readonly lrFactors: ReadonlyMap<string, number>;
  /** Weights of the classes by loss, `[classes]`; none before the images are known (`classWeightsOf`). */
  readonly classWeights: ClassWeights;
}

/** What the plan is from some time on, until the next phase begins. */
export interface PhasePlan extends Pick<ExperimentPlan, 'losses' | 'step' | 'early'> {
  readonly from: Duration;
  /** `from 20 epochs on`; undefined where there is but one phase. */
  readonly when: string | undefined;
}

/** Micro-batches of a step that one rank does. */
export const microBatchesPerRank = ({
  config,
  microBatch,
  ranks,
}: Pick<ExperimentPlan, 'config' | 'microBatch' | 'ranks'>): number =>
  config.training.batchSize / (microBatch * ranks);

/**
 * @param early whether signals go down early (`StepOptions`); default: the order that needs less memory
 * @param ranks processes that train together
 * @throws ConfigError with the place in the file where sizes, names, taps or ranges do not fit.
 */
export function planExperiment(
  { config, locate }: Pick<LoadedConfig, 'config' | 'locate'>,
  early?: boolean,
  ranks = 1,
): ExperimentPlan {
  checkClassWeights({ config, locate });
  try {
    return planConfig(config, early, ranks);
  } catch (error) {
    if (!(error instanceof ConfigError) || !error.path) throw error;
    const where = `${locate(error.path)}: ${formatPath(error.path)}: `;
    const [first, ...rest] = error.lines;
    throw new ConfigError([where + first, ...rest], error.hint);
  }
}

function planConfig(
  config: ExperimentConfig,
  order: boolean | undefined,
  ranks: number,
): ExperimentPlan {
  const { batchSize } = config.training;
  checkRanks(batchSize, ranks);
  const microBatch = Math.min(config.training.microBatch ?? batchSize, batchSize / ranks);
  checkSizes(config, microBatch, ranks);
  checkLossTimes(config.losses);
  const network = planNetwork(config);
  const trunk = network.segments.flatMap(({ name, layers }) =>
    layers.map((layer) => ({
      name: layer.name,
      segment: name,
      trainable: isTrainable(layer),
      frozen: layer.frozen,
    })),
  );
  const heads = network.heads.map(({ loss, layers }) => ({
    loss,
    layers: layers.map((layer) => ({ name: layer.name, trainable: isTrainable(layer) })),
  }));
  const all = [...trunkOf(network), ...network.heads.flatMap((head) => head.layers)];
  checkStatistics(all, microBatch);
  const recompute = recomputedSegments(config, trunk);
  const resolved = lossesByPhase(config, trunk);
  const base: Omit<ExperimentPlan, 'losses' | 'step' | 'early' | 'phases'> = {
    config,
    network,
    trunk,
    primary: primaryLoss(resolved[0]!.losses),
    heads,
    microBatch,
    ranks,
    recompute,
    updateAtOnce: batchSize === microBatch && config.optimizer.clipNorm === undefined, // not of several ranks, either
    layers: new Map(all.map((layer) => [layer.name, layer])),
    lrFactors: lrFactorsOf(all),
    classWeights: new Map(),
  };
  const phases = resolved.map(({ losses, ...phase }): PhasePlan => {
    const orders = order === undefined ? [false, true] : [order];
    const steps = orders.map((early) => {
      return {
        ...phase,
        losses,
        step: planStep(trunk, losses, heads, { early, recompute }),
        early,
      };
    });
    return leanest(base, steps);
  });
  const { losses, step, early } = phases[0]!;
  return { ...base, losses, step, early, phases };
}

/** The step that needs the least memory, of equals the first: they take the same time. */
function leanest(base: Omit<MemoryInputs, 'step'>, phases: readonly PhasePlan[]): PhasePlan {
  const needs = phases.map(({ step }) => memoryPlan({ ...base, step }).step);
  return phases[needs.indexOf(Math.min(...needs))]!;
}

/** The statistics of a single value would normalize it to zero. */
function checkStatistics(layers: readonly LayerPlan[], microBatch: number): void {
  const single = withBatchStatistics(layers).find(
    ({ input }) => (microBatch * volume(input)) / input.at(-1)! < 2,
  );
  if (!single) return;
  throw new ConfigError(
    `${single.name}: batch normalization of [${single.input.join(', ')}] in micro-batches of ${microBatch} has one value per channel; it needs at least two`,
    'use larger micro-batches, or freeze the layer',
    ['training', 'microBatch'],
  );
}

function checkRanks(batchSize: number, ranks: number): void {
  if (batchSize % ranks === 0) return;
  throw new ConfigError(
    `${ranks} ranks do not divide the batch of ${batchSize}: each takes its part of it`,
    'let training.batchSize be a multiple of the number of ranks',
    ['training', 'batchSize'],
  );
}

/** Rules between keys that the schema cannot see. */
function checkSizes(
  { data, model, training }: ExperimentConfig,
  microBatch: number,
  ranks: number,
): void {
  const [height, width] = model.input;
  if (height !== data.crop || width !== data.crop) {
    throw new ConfigError(
      `the network's input is ${height}x${width}, but images are cropped to ${data.crop}x${data.crop} (data.crop)`,
      'make the two equal',
      ['model', 'input'],
    );
  }
  if (data.crop > data.resize) {
    throw new ConfigError(
      `a ${data.crop} crop does not fit images whose shorter side is ${data.resize} (data.resize)`,
      'crop must be at most resize',
      ['data', 'crop'],
    );
  }
  const part = training.batchSize / ranks;
  if (part % microBatch !== 0) {
    const [whose, size] =
      ranks === 1
        ? ['the batch', 'training.batchSize']
        : [`the part of each of ${ranks} ranks`, `training.batchSize / ${ranks}`];
    throw new ConfigError(
      `micro-batches of ${microBatch} do not divide ${whose} of ${part}`,
      `let training.microBatch be a divisor of ${size}`,
      ['training', 'microBatch'],
    );
  }
}
