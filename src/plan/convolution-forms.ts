import { winogradGain, winogradIsWorth } from '../engine/convolution-form.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { LayerPlan } from '../model/layers/table.js';
import { flatten, pathsOf } from '../model/network-plan.js';
import { stepCost } from './cost.js';

/** Which convolutions take Winograd's form in training: on the native engine, in float32, on a CPU with AVX2. */
export interface ConvolutionForms {
  readonly winograd: readonly string[];
  readonly direct: readonly string[];
  /** Predicted work of a training step, Winograd's transforms included, over that with direct convolutions alone. */
  readonly work: number;
}

export function convolutionForms(plan: ExperimentPlan): ConvolutionForms {
  const { config, layers, microBatch, step } = plan;
  const gainOf = (layer: LayerPlan): number => {
    if (layer.type !== 'conv' || config.convolution === 'direct') return 0;
    const gain = winogradGain(layer.window, layer.input.at(-1)!, [microBatch, ...layer.output]);
    return winogradIsWorth(gain) ? gain : 0;
  };
  const workOf = (layer: LayerPlan): number => {
    const paths = pathsOf(layer);
    if (paths.length > 0) return paths.flat().reduce((sum, inner) => sum + workOf(inner), 0);
    return layer.multiplyAdds / (gainOf(layer) || 1);
  };
  const all = [...layers.values()].flatMap(flatten).filter(({ type }) => type === 'conv');
  const names = (winograd: boolean): string[] =>
    all.filter((layer) => gainOf(layer) > 0 === winograd).map(({ name }) => name);
  return {
    winograd: names(true),
    direct: names(false),
    work: stepCost(plan, step, workOf).multiplyAdds / stepCost(plan, step).multiplyAdds,
  };
}
