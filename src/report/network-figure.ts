import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { type LayerPlan, layerType } from '../model/layers/table.js';
import { isTrainable } from '../model/network-plan.js';
import { countParameters } from '../plan/cost.js';
import { inRange } from '../relay/ranges.js';
import type { FigureLayer, NetworkFigure, RunReport } from './page-data.js';

/** What the page draws as the paper's Figure 2. */
export function networkFigure({ network, losses, primary }: ExperimentPlan): NetworkFigure {
  return {
    input: network.input,
    segments: network.segments.map(({ name, layers }) => ({ name, layers: layers.map(figure) })),
    losses: losses.map(({ name, weight, tap, bottom }) => ({
      name,
      weight,
      primary: name === primary.name,
      tap,
      bottom,
      head: network.heads.find((head) => head.loss === name)!.layers.map(figure),
    })),
  };
}

/** Which of the methods the losses' ranges amount to (paper, §3). */
export function methodOf({ trunk, losses }: ExperimentPlan): RunReport['method'] {
  if (losses.length === 1) return 'standard BP';
  const trained = trunk.flatMap((layer, at) => (layer.trainable ? [at] : []));
  const reachesAll = losses.every((loss) =>
    trained.every((at) => at > loss.tap || inRange(loss, at)),
  );
  if (reachesAll) return 'multi-loss';
  const overlap = trained.some((at) => losses.filter((loss) => inRange(loss, at)).length > 1);
  return overlap ? 'relay BP' : 'disjoint ranges';
}

function figure(layer: LayerPlan): FigureLayer {
  return {
    name: layer.name,
    what: layerType(layer).describe(layer),
    type: layer.type,
    output: layer.output,
    parameters: countParameters([layer]),
    trainable: isTrainable(layer),
  };
}
