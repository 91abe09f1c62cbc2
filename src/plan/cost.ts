import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { Timeline } from '../experiment/timeline.js';
import { volume } from '../model/layers/layer-plan.js';
import type { LayerPlan } from '../model/layers/table.js';
import { flatten, parametersOf, pathsOf, trunkOf } from '../model/network-plan.js';
import { type Action, planStep, type StepPlan } from '../relay/step-plan.js';

/** What a training step costs for one image, and how many operations of each kind a micro-batch takes. */
export interface StepCost {
  readonly multiplyAdds: number;
  readonly forward: number;
  readonly parameterGradients: number;
  /** Input gradients of convolutions and fc layers; nothing else counts in any of the three. */
  readonly inputGradients: number;
}

export interface Totals {
  /** Of the network at test time: without auxiliary heads. */
  readonly parameters: number;
  readonly auxiliaryParameters: number;
  /** Of one image's forward pass through the network at test time. */
  readonly multiplyAdds: number;
  readonly auxiliaryMultiplyAdds: number;
  readonly step: StepCost;
  /** The step's multiply-adds over those of standard BP on the same trunk: primary loss only, its range the whole trunk. */
  readonly relativeToStandardBp: number;
}

export function totals(plan: ExperimentPlan): Totals {
  const { network, primary } = plan;
  const [main, auxiliary] = [
    [...trunkOf(network), ...headLayers(plan, (loss) => loss === primary.name)],
    headLayers(plan, (loss) => loss !== primary.name),
  ];
  const step = stepCost(plan, plan.step);
  return {
    parameters: countParameters(main),
    auxiliaryParameters: countParameters(auxiliary),
    multiplyAdds: sum(main.map((layer) => layer.multiplyAdds)),
    auxiliaryMultiplyAdds: sum(auxiliary.map((layer) => layer.multiplyAdds)),
    step,
    relativeToStandardBp: step.multiplyAdds / standardBp(plan).multiplyAdds,
  };
}

/** Multiply-adds of all steps of a training, for one image of each; each phase has steps of its own. */
export function trainingMultiplyAdds(
  plan: ExperimentPlan,
  steps: number,
  timeline: Timeline,
): number {
  const begins = plan.phases.map(({ from }) => Math.min(steps, timeline.stepAt(from)));
  return sum(
    plan.phases.map((phase, i) => {
      const length = (begins[i + 1] ?? steps) - begins[i]!;
      return length * stepCost(plan, phase.step).multiplyAdds;
    }),
  );
}

/** Running statistics do not count. */
export function countParameters(layers: readonly LayerPlan[]): number {
  const counted = parametersOf(layers).filter(({ state }) => !state);
  return sum(counted.map(({ shape }) => volume(shape)));
}

function headLayers(plan: ExperimentPlan, take: (loss: string) => boolean): LayerPlan[] {
  return plan.network.heads.filter((head) => take(head.loss)).flatMap((head) => head.layers);
}

/** The same trunk and primary head trained by plain backpropagation. */
function standardBp(plan: ExperimentPlan): StepCost {
  const reach = plan.trunk.findIndex((layer) => layer.trainable);
  const loss = { ...plan.primary, bottom: 0, reach: reach < 0 ? null : reach };
  return stepCost(plan, planStep(plan.trunk, [loss], plan.heads));
}

/** @param workOf multiply-adds of a layer's forward pass for one image, or what is counted in their place */
export function stepCost(
  plan: ExperimentPlan,
  step: StepPlan,
  workOf: WorkOf = (layer) => layer.multiplyAdds,
): StepCost {
  const costs = step.microBatch.map((action) => actionCost(plan, action, workOf));
  return {
    multiplyAdds: sum(costs.map((cost) => cost.multiplyAdds)),
    forward: sum(costs.map((cost) => cost.forward)),
    parameterGradients: sum(costs.map((cost) => cost.parameterGradients)),
    inputGradients: sum(costs.map((cost) => cost.inputGradients)),
  };
}

type WorkOf = (layer: LayerPlan) => number;
const free: StepCost = { multiplyAdds: 0, forward: 0, parameterGradients: 0, inputGradients: 0 };

function actionCost(plan: ExperimentPlan, action: Action, workOf: WorkOf): StepCost {
  if (action.do === 'forward' || action.do === 'recompute') {
    const names = action.do === 'forward' ? [action.layer] : action.layers;
    const layers = names.map((name) => plan.layers.get(name)!);
    const weighted = layers.flatMap(flatten).filter(isWeighted).length;
    const multiplyAdds = sum(layers.map(workOf));
    return { ...free, multiplyAdds, forward: weighted };
  }
  if (action.do === 'backward' || action.do === 'early') {
    const carried = action.carry.filter(Boolean).length;
    const layer = plan.layers.get(action.layer)!;
    const now = action.do === 'backward' && action.parameters;
    return backwardCost(layer, action.signals.length, carried, now, workOf);
  }
  return free;
}

/** A convolution's (or fc layer's) parameter gradient and each input gradient cost as much as its forward pass. */
function backwardCost(
  layer: LayerPlan,
  signals: number,
  carried: number,
  parameters: boolean,
  workOf: WorkOf,
): StepCost {
  const train = parameters && !layer.frozen;
  const paths = pathsOf(layer);
  if (paths.length > 0) {
    const inner = paths.flatMap((path) =>
      path.map((part, i) => backwardCost(part, signals, i > 0 ? signals : carried, train, workOf)),
    );
    return {
      multiplyAdds: sum(inner.map((cost) => cost.multiplyAdds)),
      forward: 0,
      parameterGradients: sum(inner.map((cost) => cost.parameterGradients)),
      inputGradients: sum(inner.map((cost) => cost.inputGradients)),
    };
  }
  if (!isWeighted(layer)) return free;
  const parameterGradients = train && layer.parameters.length > 0 ? 1 : 0;
  return {
    multiplyAdds: workOf(layer) * (parameterGradients + carried),
    forward: 0,
    parameterGradients,
    inputGradients: carried,
  };
}

/** Such as a convolution or an fc layer; what a composite layer multiplies, the layers inside it do. */
const isWeighted = (layer: LayerPlan): boolean =>
  layer.multiplyAdds > 0 && pathsOf(layer).length === 0;

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
