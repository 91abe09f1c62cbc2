import type { AnyLayerPlan } from './layer-plan.js';
import type { Place } from './layer-type.js';

/** What a segment or a layer says of its parameters. */
export interface LearningSpec {
  readonly frozen: boolean;
  readonly lrFactor: number;
}

/** Nothing is said: as what is around it. */
export const FREE: LearningSpec = { frozen: false, lrFactor: 1 };

/** How the parameters inside a segment or a layer learn, by what it says and what is said around it. */
export const within = (
  { frozen, lrFactor }: Pick<Place, 'frozen' | 'lrFactor'>,
  spec: LearningSpec,
): Pick<Place, 'frozen' | 'lrFactor'> => ({
  frozen: frozen || spec.frozen || spec.lrFactor === 0,
  lrFactor: lrFactor * spec.lrFactor,
});

/** The same in the layer's plan. */
export function learning(
  place: Pick<Place, 'frozen' | 'lrFactor'>,
  spec: LearningSpec,
): Pick<AnyLayerPlan, 'frozen' | 'lrFactor'> {
  const { frozen, lrFactor } = within(place, spec);
  return frozen || lrFactor === 1 ? { frozen } : { frozen, lrFactor };
}
