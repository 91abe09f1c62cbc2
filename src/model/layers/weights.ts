import type { ParameterGradient, Shape } from '../../engine/engine.js';
import type { Gradient } from '../../relay/layer.js';
import type { Affine, Constant, DenseOptions, GraphPlace } from './graph-builder.js';
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

/** The weights of a layer in a graph: with what the layer after it does to each of its outputs, if it does just that. */
export function weightsInGraph(
  plan: AnyLayerPlan & { readonly relu: boolean },
  { constant, takeAffine }: Pick<GraphPlace<unknown>, 'constant' | 'takeAffine'>,
): DenseOptions {
  const own = weightAndBiasOf(plan, constant);
  const after = plan.relu ? null : takeAffine();
  return after ? { ...fold(own, after), relu: after.relu } : { ...own, relu: plan.relu };
}

/** Weights with what follows for each of their outputs. */
function fold(
  { weight, bias }: { weight: Constant; bias: Constant | null },
  { scale, shift, name }: Affine & { name: string },
): { weight: Constant; bias: Constant } {
  const factors = scale.read();
  const channels = factors.length;
  return {
    weight: {
      name: weight.name,
      shape: weight.shape,
      read: () => weight.read().map((value, i) => value * factors[i % channels]!),
    },
    bias: {
      name: bias?.name ?? `${name}.shift`,
      shape: [channels],
      read() {
        const before = bias?.read();
        return shift.read().map((value, c) => value + (before ? before[c]! * factors[c]! : 0));
      },
    },
  };
}

/** Names an engine's gradients as in the checkpoint. */
export function namedGradients(layer: string, { weight, bias }: ParameterGradient): Gradient[] {
  const gradients = [{ parameter: `${layer}.weight`, value: weight }];
  if (bias) gradients.push({ parameter: `${layer}.bias`, value: bias });
  return gradients;
}
