import { inRange, type ResolvedLoss } from '../relay/ranges.js';
import type { LayerSignals, LossSignal, PairSignals } from '../run/signal-row.js';
import {
  batchCosine,
  cosine,
  difference,
  magnitude,
  noise,
  signal,
  signalToNoise,
} from './signal-estimates.js';
import type { MeasuredLayer } from './signal-plan.js';
import type { LayerSums } from './signal-sums.js';

/**
 * What was found out of a layer.
 *
 * @param losses of the plan
 * @param weight mean |value| of the layer's weights
 */
export function layerSignals(
  losses: readonly ResolvedLoss[],
  layer: MeasuredLayer,
  sums: LayerSums,
  weight: number,
): LayerSignals {
  const own = layer.losses.map((i) => losses[i]!);
  const byLoss = own.map((loss, a): [string, LossSignal] => [
    loss.name,
    {
      inRange: inRange(loss, layer.at),
      signalToNoise: signalToNoise(sums, a),
      mean: Math.sqrt(Math.max(0, signal(sums.all, a, a))),
      spread: Math.sqrt(Math.max(0, noise(sums.all, a))),
      magnitude: magnitude(sums, a, loss.weight),
    },
  ]);
  const pairs = own.flatMap((first, a) =>
    own.slice(a + 1).map((second, i): PairSignals => {
      const b = a + 1 + i;
      return {
        losses: [first.name, second.name],
        cosine: cosine(sums, a, b),
        batchCosine: batchCosine(sums, a, b),
        difference: difference(sums, a, b),
      };
    }),
  );
  return {
    layer: layer.name,
    segment: layer.segment,
    parameters: layer.size,
    weight,
    byLoss: Object.fromEntries(byLoss),
    pairs,
  };
}
