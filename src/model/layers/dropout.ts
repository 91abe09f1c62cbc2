import { relaySignals } from '../../relay/signals.js';
import type { LayerType } from '../layer-type.js';
import { type DropoutPlan, volume } from '../plan.js';

/** Inverted dropout: in training a value is zero with probability `rate`, else divided by `1 - rate`. */
export const dropout: LayerType<{ rate: number; name?: string }, DropoutPlan> = {
  plan({ rate, name }, place) {
    return {
      type: 'dropout',
      name: place.name('dropout', name),
      input: place.input,
      output: place.input,
      parameters: [],
      multiplyAdds: 0,
      frozen: place.frozen,
      rate,
    };
  },

  forward(plan, x, { engine, dropping, random }) {
    if (!dropping()) {
      const pass = relaySignals(engine, { inputGradient: (dy) => engine.retain(dy), release() {} });
      return { y: engine.retain(x), pass };
    }
    const next = random(plan.name);
    const keep = 1 / (1 - plan.rate);
    const mask = new Float32Array(volume(x.shape));
    for (let i = 0; i < mask.length; i++) mask[i] = next() < plan.rate ? 0 : keep;
    const { y, saved } = engine.dropout(x, mask);
    const pass = relaySignals(engine, {
      inputGradient: (dy) => engine.dropoutGradient(saved, dy),
      release: () => engine.release(saved),
    });
    return { y, pass };
  },
};
