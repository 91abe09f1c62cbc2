import { z } from 'zod';
import { relaySignals } from '../../relay/signals.js';
import type { AnyLayerPlan } from './layer-plan.js';
import type { LayerType } from './layer-type.js';
import { optionalName, positive } from './schema-parts.js';
import { mapSize } from './window.js';

const schema = z.strictObject({
  name: optionalName,
  size: positive
    .refine((size) => size % 2 === 1, { error: 'size: an odd number' })
    .default(5)
    .describe('Number of neighbouring channels (local size); odd.'),
  alpha: z.number().positive().default(1e-4).describe('Factor of the mean square.'),
  beta: z.number().positive().default(0.75).describe('The exponent.'),
  k: z.number().positive().default(1).describe('Added before the power.'),
});

/** `x / (k + alpha / size * (sum of squares of the size channels around))^beta` */
export interface LrnPlan extends AnyLayerPlan {
  readonly type: 'lrn';
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

/** Local response normalization across channels, as in AlexNet: Caffe's and PyTorch's, alpha divided by the size. */
export const lrn: LayerType<z.infer<typeof schema>, LrnPlan> = {
  about: 'Local response normalization across channels.',
  schema: () => schema,

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

  describe: (plan) => `lrn ${plan.size}`,
  memory: () => ({ input: true, output: true }),
  graph: (plan, x, { builder }) => builder.lrn(plan.name, x, plan),
};
