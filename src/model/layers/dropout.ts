import { relaySignals } from '../../relay/signals.js';
import { type AnyLayerPlan, volume } from './layer-plan.js';
import type { LayerType, Place } from './layer-type.js';
import { rate } from './schema-parts.js';

export interface DropoutPlan extends AnyLayerPlan {
  readonly type: 'dropout';
  readonly rate: number;
}

/** Inverted dropout: in training a value is zero with probability `rate`, else divided by `1 - rate`. */
export const dropout: LayerType<number, DropoutPlan> = {
  about: 'Sets this share of the values to zero in training, and scales the others up.',
  schema: () => rate,
  plan: planDropout,

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

  describe: (plan) => `dropout ${plan.rate}`,
  memory: (plan) => ({ input: false, output: false, values: volume(plan.output) }),
  graph: (_plan, x) => x,
};

function planDropout(rate: number, place: Place): DropoutPlan {
  return {
    type: 'dropout',
    name: place.name('dropout'),
    input: place.input,
    output: place.input,
    parameters: [],
    multiplyAdds: 0,
    frozen: place.frozen,
    rate,
  };
}

/** The `dropout` key of another layer. */
export function dropoutAfter(layer: AnyLayerPlan, rate: number, place: Place): AnyLayerPlan[] {
  if (rate === 0) return [];
  const after = { ...place, input: layer.output, name: () => `${layer.name}_dropout` };
  return [planDropout(rate, after)];
}
