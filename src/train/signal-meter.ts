import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import type { SignalRow } from '../run/signal-row.js';

/** A moment of a training, at which signals are measured. */
export interface SignalMoment {
  /** As it is in the next step. */
  readonly plan: ExperimentPlan;
  /** In training mode; what it changes is not the training's. */
  readonly network: NetworkRuntime;
  readonly parameters: Pick<Parameters, 'value'>;
  /** Steps done. */
  readonly step: number;
  readonly epoch: number;
  /** Images drawn. */
  readonly position: number;
  /** Told after each batch how many are done; may throw to end it. */
  readonly onBatch: (done: number) => void;
}

/**
 * Measures how far each loss's signal carries (src/probe), over the images that training takes next: by a loader of its
 * own, so that the training's is left alone. `diagnostics.signals`.
 */
export type SignalMeter = (moment: SignalMoment, batches: number) => Promise<SignalRow>;
