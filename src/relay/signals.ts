import type { Engine, Tensor } from '../engine/engine.js';
import { inScope } from '../engine/scope.js';
import type { Gradient, Pass } from './layer.js';

/** How signals pass through a simple layer; each function borrows its argument and returns what the caller owns. */
export interface SignalRules {
  /** From the output to before the activation, where the layer has one fused; `last`: no other signal comes. */
  activation?(dy: Tensor, last: boolean): Tensor;
  /** Together or one after another: the next are computed when the last have been used. */
  parameterGradients?(dz: Tensor, inRows: boolean): Iterable<readonly Gradient[]>;
  inputGradient(dz: Tensor): Tensor;
  release(): void;
}

/**
 * The relay at one layer (paper, §3): the parameters take *one* gradient, of the sum of all signals, while each
 * signal that reaches further down gets an input gradient of its own. A signal at the bottom of its range counts in
 * the sum and ends here.
 */
export function relaySignals(engine: Engine, rules: SignalRules): Pass {
  /** Signals that came earlier and went on below: they count in the sum when the last ones are here. */
  const waiting: Tensor[] = [];
  const giveUpWaiting = (): void => {
    for (const dz of waiting.splice(0)) engine.dispose(dz);
  };
  return {
    backward: (signals, carry, gradients) =>
      inScope(engine, (scope) => {
        for (const dy of signals) scope.temporary(dy);
        const sink = gradients === 'later' ? null : gradients;
        const arrived = signals.map((dy, i) => {
          if (!rules.activation) return dy;
          const last = sink !== null && !sink.more && i === signals.length - 1;
          const dz = scope.temporary(rules.activation(dy, last));
          scope.free(dy);
          return dz;
        });
        let sum: Tensor | null = null;
        if (rules.parameterGradients && gradients === 'later') {
          waiting.push(...arrived.map((dz) => engine.retain(dz)));
        } else if (rules.parameterGradients && sink) {
          sum = scope.temporary(engine.add([...waiting, ...arrived]));
          giveUpWaiting();
        }
        const inputs = arrived.map((dz, i) => {
          const input = carry[i] ? scope.result(rules.inputGradient(dz)) : null;
          scope.free(dz);
          return input;
        });
        if (sum && rules.parameterGradients && sink) {
          for (const found of rules.parameterGradients(sum, sink.inRows)) {
            for (const { value } of found) scope.temporary(value);
            for (const gradient of found) {
              sink.take(gradient);
              scope.free(gradient.value);
            }
          }
        }
        return inputs;
      }),
    release() {
      giveUpWaiting();
      rules.release();
    },
  };
}
