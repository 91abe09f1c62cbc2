import { collectGarbage } from '../collect-garbage.js';
import type { Engine } from '../engine/engine.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { Timeline } from '../experiment/timeline.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import { Parameters } from '../model/parameters.js';
import type { CheckpointTensors } from '../run/checkpoint.js';
import type { CheckpointState } from '../run/checkpoint-state.js';
import type { NamedTensor } from '../safetensors.js';
import { type GradientDiagnostics, gradientDiagnostics } from './gradient-diagnostics.js';
import { restoreOptimizer } from './optimizer-state.js';

/** What a network's values are at the beginning. */
export interface BeginningValues {
  /** What to go on from; a moving average that is missing begins anew. */
  readonly restore:
    | (Omit<CheckpointTensors, 'normalization'> & Pick<CheckpointState, 'rested'>)
    | null;
  /** Values to begin with instead of those drawn from the seed; emptied once they are taken over. */
  readonly initial: Map<string, NamedTensor> | null;
}

/** The networks of a training: all have the same parameters, which are owned here. */
export interface TrainingNetworks {
  readonly parameters: Parameters;
  readonly network: NetworkRuntime;
  /** The same network with the moving average of its weights, for evaluations; null without `optimizer.ema`. */
  readonly averaged: NetworkRuntime | null;
  /** Null unless the config asks for it. */
  readonly diagnostics: GradientDiagnostics | null;
  dispose(): void;
}

/** @throws CheckpointError unless what is restored fits the network and the optimizer */
export function openNetworks(
  plan: ExperimentPlan,
  engine: Engine,
  timeline: Timeline,
  { restore, initial }: BeginningValues,
): TrainingNetworks {
  const { seed, optimizer } = plan.config;
  const layers = [...plan.layers.values()];
  const drawn = initial ? { seed, given: initial } : seed;
  const parameters = new Parameters(engine, layers, restore?.weights ?? drawn);
  initial?.clear();
  if (restore) {
    restoreOptimizer(optimizer, parameters, restore.optimizer);
    for (const [name, steps] of Object.entries(restore.rested)) parameters.rest([name], steps);
    if (restore.ema && optimizer.ema) parameters.restoreSlot('ema', restore.ema);
  }
  collectGarbage();
  const network = new NetworkRuntime(engine, layers, parameters, seed);
  const average = { value: (name: string) => parameters.slot('ema', name) };
  const averaged = optimizer.ema ? new NetworkRuntime(engine, layers, average, 0) : null;
  const diagnostics = gradientDiagnostics(plan, network, parameters, timeline);
  const dispose = (): void => {
    diagnostics?.dispose();
    parameters.dispose();
  };
  return { parameters, network, averaged, diagnostics, dispose };
}
