import { relaySignals } from '../../relay/signals.js';
import type { LayerType } from '../layer-type.js';
import type { ReluPlan } from '../plan.js';

/** ReLU by itself, where it is not fused into the layer below. */
export const relu: LayerType<{ name?: string }, ReluPlan> = {
  plan({ name }, place) {
    return {
      type: 'relu',
      name: place.name('relu', name),
      input: place.input,
      output: place.input,
      parameters: [],
      multiplyAdds: 0,
      frozen: place.frozen,
    };
  },

  forward(_plan, x, { engine }) {
    const { y, saved } = engine.relu(x);
    const pass = relaySignals(engine, {
      inputGradient: (dy) => engine.activationGradient(saved, dy),
      release: () => engine.release(saved),
    });
    return { y, pass };
  },
};
