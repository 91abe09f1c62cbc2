/**
 * What a probe of a network's signals found (docs/probe.md): printed as JSON, and a line of signals.jsonl.
 *
 * Means over batches at fixed weights. The gradient of a layer is that of its filters and matrices, biases and
 * normalizations left out, and of a loss without its weight.
 */
export interface SignalRow {
  format: 'relaybp-signals';
  version: 1;
  /** Steps that the weights were trained for. */
  step: number;
  epoch: number;
  batches: number;
  /** Images of a batch. */
  batchSize: number;
  /** Of batches; the jackknife leaves out one after another. */
  groups: number;
  /** Bytes of the gradients that were kept for it. */
  keptBytes: number;
  losses: SignalLoss[];
  /** Layers of the trunk that have filters or matrices to train, from input to output. */
  layers: LayerSignals[];
}

export interface SignalLoss {
  name: string;
  /** The trunk layer that its head reads. */
  tap: string;
  /** The lowest trunk layer of its range; null if it holds none. */
  bottom: string | null;
  weight: number;
}

/** A value with its 95 % interval; null where there is none. */
export interface Estimate {
  value: number | null;
  low: number | null;
  high: number | null;
}

export interface LayerSignals {
  layer: string;
  segment: string;
  /** Values of its filters and matrices. */
  parameters: number;
  /** Mean |value| of them. */
  weight: number;
  /** By loss; only losses whose tap is at the layer or above it. */
  byLoss: Record<string, LossSignal>;
  /** Of each two of these losses. */
  pairs: PairSignals[];
}

export interface LossSignal {
  /** Whether training lets the signal get here. */
  inRange: boolean;
  /** Norm of the mean gradient / root of the mean squared distance of a batch's gradient from it; zero if none is seen. */
  signalToNoise: Estimate;
  /** Norm of the mean gradient, without what noise adds to it. */
  mean: number;
  /** Root of the mean squared distance of a batch's gradient from its mean. */
  spread: number;
  /** Mean |gradient| of a batch, times the loss's weight (paper, Figure 1). */
  magnitude: Estimate;
}

export interface PairSignals {
  losses: [string, string];
  /** Between the mean gradients, without what noise adds to them; null where one of them is not seen. */
  cosine: Estimate;
  /** Of a batch's gradients, mean over batches. */
  batchCosine: Estimate;
  /** Signal to noise of the first less that of the second. */
  difference: Estimate;
}
