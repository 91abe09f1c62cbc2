import { permutation, Random } from '../../random.js';
import { cachedOrder } from './pass-order.js';
import type { SamplerType, WithEpochSize } from './sampler-type.js';

export interface ShuffleRule {
  kind: 'shuffle';
}

/** Every image once per pass over all, in a new order each time. */
export const shuffle: SamplerType<ShuffleRule & WithEpochSize, ShuffleRule> = {
  named: 'every image once per epoch, in a new order',
  schema: ({ z, kind, epochSize }) =>
    z.strictObject({
      kind: kind('shuffle', 'Every image once before any comes again, in a new order each time.'),
      epochSize,
    }),
  at(_rule, { count, seed }) {
    const cached = cachedOrder();
    return (position) => {
      const pass = Math.floor(position / count);
      const order = cached(pass, () => permutation(count, new Random(seed, 'shuffle', pass)));
      return order[position % count]!;
    };
  },
};
