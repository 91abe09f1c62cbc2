import type { SamplerType } from './sampler-type.js';

export interface SequentialRule {
  kind: 'sequential';
}

/** As indexed. */
export const sequential: SamplerType<SequentialRule, SequentialRule> = {
  named: 'as indexed',
  epochSize: (_rule, { count }) => count,
  at:
    (_rule, { count }) =>
    (position) =>
      position % count,
};
