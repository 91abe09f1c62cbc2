import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { volume } from '../model/layers/layer-plan.js';
import type { LayerPlan } from '../model/layers/table.js';
import { flatten } from '../model/network-plan.js';
import type { ResolvedLoss } from '../relay/ranges.js';
import { planStep, type StepPlan } from '../relay/step-plan.js';

/** How the signals of all losses are measured in all layers below their taps. */
export interface SignalPlan {
  /** Forward once, and down once with the signals of the losses apart, to the lowest layer that is measured. */
  readonly step: StepPlan;
  /** Whose signals meet a layer that is measured. */
  readonly losses: readonly ResolvedLoss[];
  /** From input to output. */
  readonly layers: readonly MeasuredLayer[];
}

/** A layer of the trunk with filters or matrices that are trained. */
export interface MeasuredLayer {
  readonly name: string;
  readonly segment: string;
  /** Position in the trunk. */
  readonly at: number;
  /** In all of `weights`. */
  readonly size: number;
  /** The parameters with more than one axis, of layers inside it too; what is measured is all of them as one vector. */
  readonly weights: readonly { readonly name: string; readonly offset: number }[];
  /** Positions in the plan's losses of those that come by. */
  readonly losses: readonly number[];
}

export function planSignals(plan: ExperimentPlan): SignalPlan {
  const weights = plan.trunk.map(({ name }) => weightsOf(plan.layers.get(name)!));
  const losses = plan.losses.filter(({ tap }) =>
    weights.some(({ size }, at) => at <= tap && size > 0),
  );
  const reach = weights.findIndex(({ size }) => size > 0);
  const step = planStep(
    plan.trunk.map((layer, at) => ({ ...layer, trainable: weights[at]!.size > 0 })),
    losses.map((loss) => ({ ...loss, bottom: 0, reach })),
    plan.heads.map(({ loss, layers }) => ({
      loss,
      layers: layers.map(({ name }) => ({ name, trainable: false })),
    })),
    { recompute: plan.recompute, apart: true },
  );
  const layers = plan.trunk.flatMap(({ name, segment }, at) => {
    const own = weights[at]!;
    const passing = losses.flatMap(({ tap }, i) => (tap >= at ? [i] : []));
    if (own.size === 0 || passing.length === 0) return [];
    return [{ name, segment, at, ...own, losses: passing }];
  });
  return { step, losses, layers };
}

function weightsOf(layer: LayerPlan): Pick<MeasuredLayer, 'size' | 'weights'> {
  const parameters = flatten(layer)
    .filter(({ frozen }) => !frozen)
    .flatMap((inner) => inner.parameters)
    .filter(({ state, shape }) => !state && shape.length > 1);
  let size = 0;
  const weights = parameters.map(({ name, shape }) => {
    const offset = size;
    size += volume(shape);
    return { name, offset };
  });
  return { size, weights };
}
