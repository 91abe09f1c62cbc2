import type { Engine, Tensor } from '../engine/engine.js';
import { inScope } from '../engine/scope.js';
import type { Gradient, Pass } from './layer.js';

/** How signals pass through a simple layer; each function borrows its argument and returns what the caller owns. */
export interface SignalRules {
  /** From the output to before the activation, where the layer has one fused. */
  activation?(dy: Tensor): Tensor;
  parameterGradient?(dz: Tensor): Gradient[];
  inputGradient(dz: Tensor): Tensor;
  release(): void;
}

/**
 * The relay at one layer (paper, §3): the parameters take *one* gradient, of the sum of the signals present, while
 * each signal that reaches further down gets an input gradient of its own. A signal at the bottom of its range
 * counts in the sum and ends here.
 */
export function relaySignals(engine: Engine, rules: SignalRules): Pass {
  return {
    backward: (signals, carry, parameters) =>
      inScope(engine, (scope) => {
        const arrived = signals.map((dy) =>
          scope.temporary(rules.activation ? rules.activation(dy) : engine.retain(dy)),
        );
        const gradients: Gradient[] = [];
        if (parameters && rules.parameterGradient) {
          const sum = scope.temporary(engine.add(arrived));
          gradients.push(...rules.parameterGradient(sum));
          for (const { value } of gradients) scope.result(value);
          scope.free(sum);
        }
        const inputs = arrived.map((dz, i) =>
          carry[i] ? scope.result(rules.inputGradient(dz)) : null,
        );
        return { inputs, gradients };
      }),
    release: rules.release,
  };
}
