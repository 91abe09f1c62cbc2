import type { ClassLists } from '../index/class-lists.js';
import { constant, powerShares } from './class-shares.js';
import { type PassPlan, passSampler } from './pass-sampler.js';
import type { SamplerType, WithEpochSize } from './sampler-type.js';

export interface PowerRule {
  kind: 'power';
  /** Exponent of the class sizes, 0 to 1. */
  q: number;
}

export const power: SamplerType<PowerRule & WithEpochSize, PowerRule> = {
  schema: ({ z, kind, epochSize }) =>
    z.strictObject({
      kind: kind('power', 'A class in proportion to its number of images to the power of q.'),
      q: z
        .number()
        .min(0)
        .max(1)
        .describe('1: as often as it has images; 0.5: square root; 0: every class equally often.'),
      epochSize,
    }),
  at({ q }, images) {
    const lists = images.lists();
    return passSampler(lists, images.seed, powerPlan(lists, images.seed, q)).at;
  },
};

/**
 * Power-law sampling: a draw is of class c with probability p_c = n_c^q / Σ n_k^q, n_c being its number of images.
 * q = 1 is instance-balanced, 0.5 square-root, 0 class-balanced sampling (Kang et al. 2020, "Decoupling representation
 * and classifier for long-tailed recognition", eq. 1; Mahajan et al. 2018, "Exploring the limits of weakly supervised
 * pretraining", for the square root). The images of a class are drawn from reshuffled lists, as class-aware sampling
 * draws them, where the authors draw with replacement.
 *
 * @param q from 0 to 1: then a class has at least about one draw per pass
 */
function powerPlan(lists: ClassLists, seed: number, q: number): PassPlan {
  return { ...constant(lists, seed, powerShares(lists, q)), images: 'in-turn' };
}
