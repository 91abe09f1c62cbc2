import type { ParameterGradient } from '../../engine/engine.js';
import type { Gradient } from '../../relay/layer.js';
import type { ParameterPlan, Shape } from '../plan.js';

/** The weight, and the bias if it has one, of a layer that computes `weight * x + bias`. */
export function weightAndBias(
  layer: string,
  weight: { shape: Shape; axes: readonly string[]; fanIn: number },
  bias: boolean,
): ParameterPlan[] {
  const { shape, axes, fanIn } = weight;
  const parameters: ParameterPlan[] = [
    { name: `${layer}.weight`, shape, axes, initializer: { type: 'he', fanIn } },
  ];
  if (bias) {
    parameters.push({
      name: `${layer}.bias`,
      shape: [shape.at(-1)!],
      axes: [axes.at(-1)!],
      initializer: { type: 'zeros' },
    });
  }
  return parameters;
}

/** Names an engine's gradients as in the checkpoint. */
export function namedGradients(layer: string, { weight, bias }: ParameterGradient): Gradient[] {
  const gradients = [{ parameter: `${layer}.weight`, value: weight }];
  if (bias) gradients.push({ parameter: `${layer}.bias`, value: bias });
  return gradients;
}
