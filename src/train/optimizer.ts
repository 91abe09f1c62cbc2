import type { OptimizerConfig } from '../config/experiment-schema.js';
import type { Engine, Rows, Tensor } from '../engine/engine.js';
import { inScope } from '../engine/scope.js';
import type { Parameters, Slot } from '../model/parameters.js';
import type { Gradient } from '../relay/layer.js';

/** What an optimizer keeps beside each parameter that it updates. */
export function slotsOf({ type }: OptimizerConfig): readonly Exclude<Slot, 'ema'>[] {
  return type === 'sgd' ? ['momentum'] : ['m', 'v'];
}

/**
 * One update of a parameter.
 *
 * @param gradient borrowed
 * @param step counts updates of this parameter; the first is 1
 */
export function updateParameter(
  engine: Engine,
  optimizer: OptimizerConfig,
  parameters: Parameters,
  { parameter: name, value: gradient, rows }: Gradient,
  { lr, step }: { lr: number; step: number },
): void {
  const weightDecay = decays(optimizer, name) ? optimizer.weightDecay : 0;
  const kept = slotsOf(optimizer).map((slot) => parameters.slot(slot, name));
  inRows(engine, [parameters.value(name), ...kept], rows, ([w, ...slots]) => {
    if (optimizer.type === 'sgd') {
      const { momentum, nesterov } = optimizer;
      engine.sgd(w!, slots[0]!, gradient, { lr, momentum, weightDecay, nesterov });
    } else {
      const { betas, epsilon } = optimizer;
      engine.adamw(w!, slots[0]!, slots[1]!, gradient, { lr, betas, epsilon, weightDecay, step });
    }
  });
}

/** Lets `change` work in place on tensors, or on the same rows of each. */
function inRows(
  engine: Engine,
  tensors: readonly Tensor[],
  rows: Rows | undefined,
  change: (tensors: readonly Tensor[]) => void,
): void {
  if (!rows) {
    change(tensors);
    return;
  }
  inScope(engine, (scope) => change(tensors.map((t) => scope.temporary(engine.rows!(t, rows)))));
}

/** Weight decay is on weights, and on biases too unless `decayBiases: false` (Caffe's default; the paper is silent). */
function decays({ decayBiases }: OptimizerConfig, parameter: string): boolean {
  return decayBiases || !parameter.endsWith('.bias');
}

/** The Euclidean norm of all gradients together. */
export function gradientNorm(engine: Engine, gradients: ReadonlyMap<string, Tensor>): number {
  const squares = [...gradients.values()].map((gradient) => engine.squaredNorm(gradient));
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
}

/** Scales the gradients in place so that their norm is at most `limit`: by `limit / (norm + 1e-6)`, as PyTorch does. */
export function clipGradients(
  engine: Engine,
  gradients: ReadonlyMap<string, Tensor>,
  norm: number,
  limit: number,
): void {
  const factor = limit / (norm + 1e-6);
  if (factor >= 1) return;
  for (const gradient of gradients.values()) engine.scale(gradient, factor);
}

/**
 * Lets the moving averages of all parameters and running statistics follow them:
 * `average = decay * average + (1 - decay) * value`. Early on the decay is smaller, `(1 + step) / (10 + step)`, so
 * that the initial weights are soon forgotten.
 */
export function averageParameters(
  engine: Engine,
  parameters: Parameters,
  decay: number,
  step: number,
): void {
  const share = 1 - Math.min(decay, (1 + step) / (10 + step));
  for (const name of parameters.names()) {
    engine.lerp(parameters.slot('ema', name), parameters.value(name), share);
  }
}
