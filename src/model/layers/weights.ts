import type { ParameterGradient, Shape } from '../../engine/engine.js';
import type { Gradient } from '../../relay/layer.js';
import type { Constant } from './graph-builder.js';
import type { AnyLayerPlan, ParameterPlan } from './layer-plan.js';

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

/** The values of the parameters that `weightAndBias` planned. */
export function weightAndBiasOf(
  { parameters }: AnyLayerPlan,
  constant: (name: string) => Constant,
): { weight: Constant; bias: Constant | null } {
  const [weight, bias = null] = parameters.map(({ name }) => constant(name));
  return { weight: weight!, bias };
}

/** Names an engine's gradients as in the checkpoint. */
export function namedGradients(layer: string, { weight, bias }: ParameterGradient): Gradient[] {
  const gradients = [{ parameter: `${layer}.weight`, value: weight }];
  if (bias) gradients.push({ parameter: `${layer}.bias`, value: bias });
  return gradients;
}
