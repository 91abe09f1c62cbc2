import { z } from 'zod';
import { relaySignals } from '../../relay/signals.js';
import type { AnyLayerPlan } from './layer-plan.js';
import type { LayerType } from './layer-type.js';
import { optionalName } from './schema-parts.js';

const schema = z.strictObject({ name: optionalName });

export interface ReluPlan extends AnyLayerPlan {
  readonly type: 'relu';
}

/** ReLU by itself, where it is not fused into the layer below. */
export const relu: LayerType<z.infer<typeof schema>, ReluPlan> = {
  about: 'ReLU by itself.',
  schema: () => schema,

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

  describe: () => 'relu',
  memory: () => ({ input: false, output: true }),
  graph: (plan, x, { builder }) => builder.relu(plan.name, x),
};
