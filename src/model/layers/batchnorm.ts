import type { BatchNormSpec } from '../../config/layers.js';
import type { BatchNormGradient, Tensor } from '../../engine/engine.js';
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

  forward(plan, x, { engine, parameter, training, again }) {
    const [weight, bias, mean, variance] = plan.parameters.map(({ name }) => parameter(name));
    const batchStatistics = training() && !plan.frozen;
    // A forward pass that is done again gives the same output, but the running statistics have followed already.
    const aside = batchStatistics && again;
    const { momentum, epsilon, relu } = plan;
    const { y, saved } = inScope(engine, (scope) => {
      const running = [mean!, variance!].map((t) =>
        aside ? scope.temporary(engine.zeros(t.shape)) : t,
      );
      return engine.batchNorm(
        x,
        { weight: weight!, bias: bias!, mean: running[0]!, variance: running[1]! },
        { training: batchStatistics, momentum, epsilon, relu },
      );
    });
    /** Of the signals that came earlier; see `Pass.backward`. */
    const waiting: Pick<BatchNormGradient, 'weight' | 'bias'>[] = [];
    const giveUpWaiting = (): void => {
      for (const { weight, bias } of waiting.splice(0)) {
        engine.dispose(weight);
        engine.dispose(bias);
      }
    };
    const pass: Pass = {
      backward: (signals, carry, gradients) =>
        inScope(engine, (scope) => {
          for (const dy of signals) scope.temporary(dy);
          const sink = gradients === 'later' ? null : gradients;
          const inputs = signals.map((dy, i) => {
            const last = sink !== null && i === signals.length - 1;
            const dz = scope.temporary(engine.activationGradient(saved, dy, last));
            scope.free(dy);
            const { input, ...own } = engine.batchNormGradient(saved, dz);
            waiting.push(own);
            scope.free(dz);
            if (carry[i]) return scope.result(input);
            engine.dispose(input);
            return null;
          });
          if (sink) {
            const sum = (part: 'weight' | 'bias'): Tensor =>
              scope.temporary(engine.add(waiting.map((gradient) => gradient[part])));
            const total = { weight: sum('weight'), bias: sum('bias') };
            for (const gradient of namedGradients(plan.name, total)) sink.take(gradient);
          }
          if (gradients !== 'later') giveUpWaiting();
          return inputs;
        }),
      release() {
        giveUpWaiting();
        engine.release(saved);
      },
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
