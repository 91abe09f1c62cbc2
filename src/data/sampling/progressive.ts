import type { ClassLists } from '../index/class-lists.js';
import { constant, offsets, powerShares } from './class-shares.js';
import { type PassPlan, passSampler } from './pass-sampler.js';
import type { SamplerType, WithEpochSize } from './sampler-type.js';

export interface ProgressiveConfig extends WithEpochSize {
  kind: 'progressive';
  epochs?: string | number;
}

export interface ProgressiveRule {
  kind: 'progressive';
  /** Draws until all classes are drawn equally often. */
  over: number;
}

export const progressive: SamplerType<ProgressiveConfig, ProgressiveRule> = {
  schema: ({ z, kind, epochSize, duration }) =>
    z.strictObject({
      kind: kind('progressive', 'From q = 1 to q = 0 of power, linearly over the training.'),
      epochs: duration
        .optional()
        .describe('When every class is drawn equally often; the end of the training unless given.'),
      epochSize,
    }),
  rule: ({ epochs }, draws) => ({ kind: 'progressive', over: draws(epochs) }),
  at({ over }, images) {
    const lists = images.lists();
    return passSampler(lists, images.seed, progressivePlan(lists, images.seed, over)).at;
  },
  dependsOnLength: ({ epochs }) => !epochs,
};

/**
 * Progressively balanced sampling (Kang et al. 2020, eq. 2): p(t) = (1 − t/T) · p_IB + (t/T) · p_CB, from
 * instance-balanced to class-balanced. t is the number of draws before a pass, so the shares change once per pass, and
 * stay class-balanced from T on.
 *
 * @param over T in draws
 */
function progressivePlan(lists: ClassLists, seed: number, over: number): PassPlan {
  const length = lists.images.length;
  const instances = powerShares(lists, 1);
  const balanced = powerShares(lists, 0);
  const passes = Math.ceil(over / length); // from this one on t ≥ T
  const offset = offsets(lists, seed);
  const after = constant(lists, seed, balanced);
  const rising = (pass: number, c: number): number => {
    const [from, to] = [instances[c]!, balanced[c]!];
    // Σ over the passes before of from + (to − from) · t/T, with t = length · 0, 1, …
    const risen = ((length / over) * pass * (pass - 1)) / 2;
    return Math.floor(length * (pass * from + risen * (to - from)) + offset[c]!);
  };
  return {
    length,
    images: 'in-turn',
    before: (pass, c) =>
      pass <= passes ? rising(pass, c) : rising(passes, c) + after.before(pass - passes, c),
  };
}
