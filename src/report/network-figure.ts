import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { type LayerPlan, layerType } from '../model/layers/table.js';
import { isTrainable } from '../model/network-plan.js';
import { countParameters } from '../plan/cost.js';
import { weightText } from '../plan/loss-text.js';
import { inRange } from '../relay/ranges.js';
import type { FigureLayer, NetworkFigure, RunReport } from './page-data.js';

/** What the page draws as the paper's Figure 2. */
export function networkFigure({ config, network, losses, primary }: ExperimentPlan): NetworkFigure {
  const changes = new Map(
    config.losses.map(({ name, weight }) => [
      name,
      typeof weight === 'number' ? null : weightText(weight),
    ]),
  );
  return {
    input: network.input,
    segments: network.segments.map(({ name, layers }) => ({ name, layers: layers.map(figure) })),
    losses: losses.map(({ name, weight, tap, bottom }) => ({
      name,
      weight,
      weightChange: changes.get(name)!,
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
