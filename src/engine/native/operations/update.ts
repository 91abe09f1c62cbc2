/** Parameter updates, in place on TensorFlow variables; see `Engine.sgd` and `Engine.adamw`. */
import type { AdamWStep, SgdStep, Tensor } from '../../engine.js';
import { boolAttribute, FLOAT, typeAttribute } from '../runtime/attributes.js';
import { DataType } from '../runtime/binding.js';
import { scoped } from '../runtime/native-scope.js';
import type { Runtime } from '../runtime/runtime.js';

/**
 * `v = momentum * v + lr * (gradient + weightDecay * w)`, then `w = w - v`, or with Nesterov's momentum
 * `w = w - (momentum * v + lr * (gradient + weightDecay * w))`.
 *
 * Where our own operations run it is one of them. TensorFlow has this as one pass over memory, without the decay and with `v` of the opposite sign:
 * `u = momentum * u - lr * gradient`, then `w = w + u`. So the variable behind `v` holds `u = -v`. Without Nesterov
 * the decay is taken off beforehand, by `u = u - (lr * weightDecay / momentum) * w`, also in place; otherwise it is
 * added to the gradient.
 */
export function sgd(runtime: Runtime, w: Tensor, v: Tensor, gradient: Tensor, step: SgdStep): void {
  const { lr, momentum, weightDecay, nesterov = false } = step;
  if (runtime.mode.ownKernels) {
    sgdInOnePass(runtime, w, v, gradient, step);
    return;
  }
  const velocity = runtime.variable(v, true);
  const decay = lr * weightDecay;
  scoped(runtime, (scope) => {
    let pull: number | null = null;
    if (decay !== 0 && momentum !== 0 && !nesterov) {
      runtime.withScalars([decay / momentum], (rate) => {
        descend(runtime, velocity, rate, runtime.value(w));
      });
    } else if (decay !== 0) {
      runtime.withScalars([weightDecay], (rate) => {
        const shrink = runtime.run('Mul', [FLOAT], [runtime.value(w), rate]);
        const sum = runtime.chain(shrink, 'AddV2', [FLOAT], [runtime.value(gradient)]);
        pull = scope.temporary(sum);
      });
    }
    const weights = runtime.variable(w, false);
    runtime.withScalars([lr, momentum], (rate, keep) => {
      const inputs = [weights, velocity, rate, pull ?? runtime.value(gradient), keep];
      const attributes = [FLOAT, boolAttribute('use_nesterov', nesterov)];
      runtime.runAll('ResourceApplyKerasMomentum', attributes, inputs, 0);
    });
  });
}

function sgdInOnePass(
  runtime: Runtime,
  w: Tensor,
  v: Tensor,
  gradient: Tensor,
  { lr, momentum, weightDecay, nesterov = false }: SgdStep,
): void {
  const step = Float32Array.of(lr, momentum, weightDecay, Number(nesterov));
  inOnePass(runtime, 'RelaybpSgd', [w, v], gradient, step);
}

/** One of our own operations: changes `tensors` in place by a gradient. */
function inOnePass(
  runtime: Runtime,
  op: string,
  tensors: readonly Tensor[],
  gradient: Tensor,
  values: Float32Array,
): void {
  const step = runtime.binding.createTensor([values.length], DataType.float, values);
  try {
    const targets = tensors.map((t) => runtime.writable(t));
    runtime.runAll(op, [], [...targets, runtime.value(gradient), step], 0);
  } finally {
    runtime.binding.deleteTensor(step);
  }
}

/**
 * Our own operation where it runs. TensorFlow's Adam has no weight decay, and adds its epsilon before the second moment's bias is corrected:
 * `w = w - lr * c / (1 - b1^step) * m / (sqrt(v) + epsilon')` with `c = sqrt(1 - b2^step)`. That is PyTorch's step
 * for `epsilon' = epsilon * c`.
 */
export function adamw(
  runtime: Runtime,
  [w, m, v]: readonly [Tensor, Tensor, Tensor],
  gradient: Tensor,
  { lr, betas, epsilon, weightDecay, step }: AdamWStep,
): void {
  const powers = betas.map((beta) => beta ** step);
  if (runtime.mode.ownKernels) {
    const corrections = powers.map((power) => 1 - power);
    const rates = betas.flatMap((beta) => [beta, 1 - beta]);
    const values = Float32Array.of(lr, ...rates, epsilon, weightDecay, ...corrections);
    inOnePass(runtime, 'RelaybpAdamW', [w, m, v], gradient, values);
    return;
  }
  const [weights, first, second] = [w, m, v].map((t) => runtime.variable(t, false)) as [
    number,
    number,
    number,
  ];
  if (weightDecay !== 0) {
    const read = [typeAttribute('dtype', DataType.float)];
    scoped(runtime, (scope) => {
      const value = scope.temporary(runtime.run('ReadVariableOp', read, [weights]));
      runtime.withScalars([lr * weightDecay], (rate) => descend(runtime, weights, rate, value));
    });
  }
  const corrected = epsilon * Math.sqrt(1 - powers[1]!);
  runtime.withScalars([...powers, lr, ...betas, corrected], (...scalars) => {
    const inputs = [weights, first, second, ...scalars, runtime.value(gradient)];
    runtime.runAll('ResourceApplyAdam', [FLOAT], inputs, 0);
  });
}

/** `variable = variable - rate * delta` */
function descend(runtime: Runtime, variable: number, rate: number, delta: number): void {
  runtime.runAll('ResourceApplyGradientDescent', [FLOAT], [variable, rate, delta], 0);
}

/** `sum = sum + addend` */
export function accumulate(runtime: Runtime, sum: Tensor, addend: Tensor): void {
  if (runtime.mode.ownKernels) {
    scoped(runtime, (scope) => {
      const inputs = [runtime.writable(sum), scope.float(runtime.check(addend))];
      runtime.runAll('RelaybpAccumulate', [], inputs, 0);
    });
    return;
  }
  const inputs = [runtime.variable(sum, false), runtime.value(addend)];
  runtime.runAll('AssignAddVariableOp', [typeAttribute('dtype', DataType.float)], inputs, 0);
}

/** `t = t * factor` */
export function scale(runtime: Runtime, t: Tensor, factor: number): void {
  runtime.withScalars([factor], (by) => {
    runtime.replace(t, runtime.run('Mul', [FLOAT], [runtime.value(t), by]));
  });
}

/** `t = t + share * (target - t)` */
export function lerp(runtime: Runtime, t: Tensor, target: Tensor, share: number): void {
  runtime.withScalars([share], (by) => {
    let id = runtime.run('Sub', [FLOAT], [runtime.value(target), runtime.value(t)]);
    id = runtime.chain(id, 'Mul', [FLOAT], [by]);
    runtime.replace(t, runtime.chain(id, 'AddV2', [FLOAT], [runtime.value(t)]));
  });
}
