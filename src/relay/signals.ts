import type { Engine, Tensor } from '../engine/engine.js';
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
 * The relay at one layer (paper, §3): the parameters take *one* gradient, of the sum of all signals, while each
 * signal that reaches further down gets an input gradient of its own. A signal at the bottom of its range counts in
 * the sum and ends here.
 */
export function relaySignals(engine: Engine, rules: SignalRules): Pass {
  /** Signals that came earlier and went on below: they count in the sum when the last ones are here. */
  const waiting: Tensor[] = [];
  return {
    backward(signals, carry, gradients) {
      const arrived = signals.map((dy) => {
        if (!rules.activation) return dy;
        const dz = rules.activation(dy);
        engine.dispose(dy);
        return dz;
      });
      const found: Gradient[] = [];
      if (rules.parameterGradient && gradients === 'later') {
        waiting.push(...arrived.map((dz) => engine.retain(dz)));
      } else if (rules.parameterGradient && gradients) {
        const sum = engine.add([...waiting, ...arrived]);
        for (const dz of waiting.splice(0)) engine.dispose(dz);
        found.push(...rules.parameterGradient(sum));
        engine.dispose(sum);
      }
      const inputs = arrived.map((dz, i) => {
        const input = carry[i] ? rules.inputGradient(dz) : null;
        engine.dispose(dz);
        return input;
      });
      if (typeof gradients === 'function') found.forEach(gradients);
      return inputs;
    },
    release() {
      for (const dz of waiting.splice(0)) engine.dispose(dz);
      rules.release();
    },
  };
}
