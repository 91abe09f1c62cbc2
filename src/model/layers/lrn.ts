import type { LrnSpec } from '../../config/layers.js';
import { relaySignals } from '../../relay/signals.js';
import type { LayerType } from '../layer-type.js';
import type { LrnPlan } from '../plan.js';
import { mapSize } from './window.js';

/** Local response normalization across channels, as in AlexNet: Caffe's and PyTorch's, alpha divided by the size. */
export const lrn: LayerType<LrnSpec, LrnPlan> = {
  plan({ name, size, alpha, beta, k }, place) {
    mapSize(place);
    return {
      type: 'lrn',
      name: place.name('lrn', name),
      input: place.input,
      output: place.input,
      parameters: [],
      multiplyAdds: 0,
      frozen: place.frozen,
      size,
      alpha,
      beta,
      k,
    };
  },

  forward(plan, x, { engine }) {
    const { y, saved } = engine.lrn(x, plan);
    const pass = relaySignals(engine, {
      inputGradient: (dy) => engine.lrnGradient(saved, dy),
      release: () => engine.release(saved),
    });
    return { y, pass };
  },
};
