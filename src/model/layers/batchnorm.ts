import type { BatchNormSpec } from '../../config/layers.js';
import { inScope } from '../../engine/scope.js';
import type { Pass } from '../../relay/layer.js';
import type { LayerType } from '../layer-type.js';
import type { BatchNormPlan, ParameterPlan } from '../plan.js';
import { namedGradients } from './weights.js';
import { channelsOf } from './window.js';

/**
 * Batch normalization of maps or vectors, and ReLU. In training the statistics are those of the micro-batch; a
 * frozen layer uses its running statistics and leaves them as they are.
 *
 * The statistics are fixed by the forward pass, so the backward is linear in the signal, and several signals go
 * through it side by side. An engine finds the parameters' gradients on its way to an input gradient; they are
 * therefore taken signal by signal and added, which costs less than a pass of its own over the sum of the signals.
 */
export const batchnorm: LayerType<BatchNormSpec, BatchNormPlan> = {
  plan(spec, place) {
    const name = place.name('bn', spec.name);
    return {
      type: 'batchnorm',
      name,
      input: place.input,
      output: place.input,
      parameters: parameters(name, channelsOf(place.input)),
      multiplyAdds: 0,
      frozen: place.frozen || spec.frozen,
      momentum: spec.momentum,
      epsilon: spec.epsilon,
      relu: spec.relu,
    };
  },

  forward(plan, x, { engine, parameter, training }) {
    const [weight, bias, mean, variance] = plan.parameters.map(({ name }) => parameter(name));
    const { momentum, epsilon, relu } = plan;
    const { y, saved } = engine.batchNorm(
      x,
      { weight: weight!, bias: bias!, mean: mean!, variance: variance! },
      { training: training() && !plan.frozen, momentum, epsilon, relu },
    );
    const pass: Pass = {
      backward: (signals, carry, parameters) =>
        inScope(engine, (scope) => {
          const all = signals.map((dy) => {
            const dz = scope.temporary(engine.activationGradient(saved, dy));
            const { input, weight, bias } = engine.batchNormGradient(saved, dz);
            scope.free(dz);
            for (const t of [input, weight, bias]) scope.temporary(t);
            return { input, weight, bias };
          });
          const inputs = all.map(({ input }, i) =>
            carry[i] ? scope.result(engine.retain(input)) : null,
          );
          if (!parameters) return { inputs, gradients: [] };
          const weight = scope.result(engine.add(all.map((gradient) => gradient.weight)));
          const bias = scope.result(engine.add(all.map((gradient) => gradient.bias)));
          return { inputs, gradients: namedGradients(plan.name, { weight, bias }) };
        }),
      release: () => engine.release(saved),
    };
    return { y, pass };
  },
};

/** Names as in PyTorch. */
function parameters(layer: string, channels: number): ParameterPlan[] {
  const one = (name: string, type: 'zeros' | 'ones'): ParameterPlan => ({
    name: `${layer}.${name}`,
    shape: [channels],
    axes: ['out'],
    initializer: { type },
  });
  return [
    one('weight', 'ones'),
    one('bias', 'zeros'),
    { ...one('running_mean', 'zeros'), state: true },
    { ...one('running_var', 'ones'), state: true },
  ];
}
