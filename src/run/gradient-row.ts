/** One line of gradients.jsonl (docs/report.md): a step's gradients, at the weights before its update. */
export interface GradientRow {
  /** Counts steps from 1, as the rows of metrics.jsonl do. */
  step: number;
  epoch: number;
  /** Convolutions and fully connected layers that the step trained, from input to output. */
  layers: LayerGradients[];
}

/** Means over all weights of a layer, biases left out; gradients before weight decay, momentum and clipping. */
export interface LayerGradients {
  layer: string;
  /** Mean |weight|. */
  weight: number;
  /** Mean |gradient| of what the update uses: the sum over the losses, their weights included. */
  gradient: number;
  /** The same of each loss's share of that sum, for the losses whose range holds the layer. */
  byLoss: Record<string, number>;
  /** In an overlap: the cosine between the shares of each two losses; null if one of them is zero. */
  cosines?: { losses: [string, string]; cosine: number | null }[];
}
