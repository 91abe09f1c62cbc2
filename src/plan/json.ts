import type { LossWeight } from '../config/loss-weight.js';
import type { ExperimentPlan, PhasePlan } from '../experiment/experiment-plan.js';
import { hungriest, inPhase } from '../experiment/moment.js';
import { memoryPlan } from '../experiment/step-memory.js';
import type { LayerPlan } from '../model/layers/table.js';
import { isTrainable } from '../model/network-plan.js';
import { idleLayers, inRange, type ResolvedLoss } from '../relay/ranges.js';
import { convolutionForms } from './convolution-forms.js';
import { totals } from './cost.js';

/**
 * The plan as JSON, format version 1 (docs/plan.md): enough to rebuild the network, its padding, its parameters'
 * names and layouts, and its ranges in another framework.
 */
export function planJson(plan: ExperimentPlan) {
  const { config, network, microBatch, phases } = plan;
  const counted = totals(plan);
  return {
    formatVersion: 1,
    name: config.name,
    input: network.input,
    classes: network.classes,
    batchSize: config.training.batchSize,
    microBatch,
    optimizer: config.optimizer,
    layers: [
      ...network.segments.flatMap(({ name, layers }) =>
        layers.map((layer) => ({
          segment: name,
          ...layer,
          updatedBy: updatedBy(plan, layer.name),
        })),
      ),
      ...network.heads.flatMap(({ loss, layers }) =>
        layers.map((layer) => ({ head: loss, ...layer, updatedBy: headUpdatedBy(layer, loss) })),
      ),
    ],
    losses: lossesJson(plan),
    totals: {
      parameters: counted.parameters,
      auxiliaryParameters: counted.auxiliaryParameters,
      multiplyAdds: counted.multiplyAdds,
      auxiliaryMultiplyAdds: counted.auxiliaryMultiplyAdds,
    },
    step: stepJson(plan),
    convolutions: convolutionForms(plan),
    memory: memoryPlan(hungriest(plan)),
    ...(phases.length > 1 ? { phases: phases.map((phase) => phaseJson(plan, phase)) } : {}),
  };
}

function lossesJson({ config, trunk, losses, primary, heads }: ExperimentPlan) {
  return losses.map((loss) => ({
    name: loss.name,
    weight: loss.weight,
    ...weightChange(config.losses.find(({ name }) => name === loss.name)!.weight),
    primary: loss.name === primary.name,
    after: trunk[loss.tap]!.name,
    range: {
      from: loss.bottom <= loss.tap ? trunk[loss.tap]!.name : null,
      downTo: loss.bottom <= loss.tap ? trunk[loss.bottom]!.name : null,
      lowestTrained: loss.reach === null ? null : trunk[loss.reach]!.name,
      layers: trunk.filter((_, at) => inRange(loss, at)).map((layer) => layer.name),
    },
    head: heads.find((head) => head.loss === loss.name)!.layers.map((layer) => layer.name),
  }));
}

function stepJson(plan: ExperimentPlan) {
  const { config, microBatch, step, updateAtOnce, recompute } = plan;
  const { step: cost, relativeToStandardBp } = totals(plan);
  const microBatches = config.training.batchSize / microBatch;
  return { ...step, updateAtOnce, recompute, microBatches, cost, relativeToStandardBp };
}

function phaseJson(plan: ExperimentPlan, phase: PhasePlan) {
  const now = inPhase(plan, phase);
  return {
    from: phase.from,
    losses: lossesJson(now),
    resting: idleLayers(plan.trunk, phase.losses).map(({ name }) => name),
    step: stepJson(now),
    memory: memoryPlan(now),
  };
}

const weightChange = (weight: LossWeight) =>
  typeof weight === 'number' ? {} : { weightChange: weight };

/** The losses whose gradient reaches a trunk layer's parameters. */
export function updatedBy({ losses, trunk }: ExperimentPlan, layer: string): string[] {
  const at = trunk.findIndex((candidate) => candidate.name === layer);
  if (at < 0 || !trunk[at]!.trainable) return [];
  return losses.filter((loss: ResolvedLoss) => inRange(loss, at)).map((loss) => loss.name);
}

function headUpdatedBy(layer: LayerPlan, loss: string): string[] {
  return isTrainable(layer) ? [loss] : [];
}
