import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { changesText, inPhase } from '../experiment/moment.js';
import { type LayerPlan, layerType } from '../model/layers/table.js';
import { isTrainable } from '../model/network-plan.js';
import { countParameters } from '../plan/cost.js';
import { weightText } from '../plan/loss-text.js';
import { inRange, type ResolvedLoss } from '../relay/ranges.js';
import type { FigureLayer, FigureLoss, FigurePhase, Method, NetworkFigure } from './page-data.js';

/** What the page draws as the paper's Figure 2. */
export function networkFigure(plan: ExperimentPlan): NetworkFigure {
  const { config, network, phases } = plan;
  const first = config.losses.flatMap(({ name }) => {
    const loss = phases.flatMap(({ losses }) => losses).find((one) => one.name === name);
    return loss ? [figureLoss(plan, loss)] : [];
  });
  return {
    input: network.input,
    segments: network.segments.map(({ name, layers }) => ({ name, layers: layers.map(figure) })),
    losses: first,
    phases: phases.length === 1 ? [] : phases.map((_, i) => figurePhase(plan, i)),
  };
}

function figurePhase(plan: ExperimentPlan, i: number): FigurePhase {
  const { phases } = plan;
  const phase = phases[i]!;
  const before = phases[i - 1];
  return {
    title: before ? `${phase.when}: ${changesText(plan, before, phase)}` : phase.when!,
    method: methodOf(inPhase(plan, phase)),
    losses: phase.losses.map((loss) => figureLoss(plan, loss)),
  };
}

function figureLoss(
  { config, network, primary }: ExperimentPlan,
  { name, weight, tap, bottom }: ResolvedLoss,
): FigureLoss {
  const place = config.losses.findIndex((loss) => loss.name === name);
  const own = config.losses[place]!.weight;
  return {
    name,
    place,
    weight,
    weightChange: typeof own === 'number' ? null : weightText(own),
    primary: name === primary.name,
    tap,
    bottom,
    head: network.heads.find((head) => head.loss === name)!.layers.map(figure),
  };
}

/** Which of the methods the losses' ranges amount to (paper, §3). */
export function methodOf({ trunk, losses }: ExperimentPlan): Method {
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
