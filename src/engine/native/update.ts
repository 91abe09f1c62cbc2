/** The parameter update, in place on TensorFlow variables; see `Engine.sgd`. */
import type { SgdStep, Tensor } from '../engine.js';
import { FLOAT } from './attributes.js';
import type { Runtime } from './runtime.js';

/**
 * `v = momentum * v + lr * (gradient + weightDecay * w)`, then `w = w - v`.
 *
 * TensorFlow has this as one pass over memory, without the decay and with `v` of the opposite sign:
 * `u = momentum * u - lr * gradient`, then `w = w + u`. So the variable behind `v` holds `u = -v`, and the decay is
 * taken off beforehand, by `u = u - (lr * weightDecay / momentum) * w`, also in place.
 */
export function sgd(runtime: Runtime, w: Tensor, v: Tensor, gradient: Tensor, step: SgdStep): void {
  const { lr, momentum, weightDecay } = step;
  const velocity = runtime.variable(v, true);
  const decay = lr * weightDecay;
  let decayed: number | null = null;
  if (decay !== 0 && momentum !== 0) {
    runtime.withScalars([decay / momentum], (rate) => {
      runtime.runAll(
        'ResourceApplyGradientDescent',
        [FLOAT],
        [velocity, rate, runtime.value(w)],
        0,
      );
    });
  } else if (decay !== 0) {
    runtime.withScalars([weightDecay], (rate) => {
      const shrink = runtime.run('Mul', [FLOAT], [runtime.value(w), rate]);
      decayed = runtime.chain(shrink, 'AddV2', [FLOAT], [runtime.value(gradient)]);
    });
  }
  const weights = runtime.variable(w, false);
  runtime.withScalars([lr, momentum], (rate, keep) => {
    const inputs = [weights, velocity, rate, decayed ?? runtime.value(gradient), keep];
    runtime.runAll('ResourceApplyKerasMomentum', [FLOAT], inputs, 0);
  });
  if (decayed !== null) runtime.binding.deleteTensor(decayed);
}
