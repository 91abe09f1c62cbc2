import type { Durations } from './decays.js';
import type { ExperimentPlan } from './experiment-plan.js';
import { weightAt } from './loss-weight.js';

/** The plan as it is in step `step` (0 first): the losses with their weights then. */
export function planAt(plan: ExperimentPlan, step: number, durations: Durations): ExperimentPlan {
  const weights = new Map(plan.config.losses.map(({ name, weight }) => [name, weight]));
  const losses = plan.losses.map((loss) => {
    return { ...loss, weight: weightAt(weights.get(loss.name)!, step, durations) };
  });
  return { ...plan, losses };
}

/** Names of all losses, and of those whose weight changes over the training. */
export const lossNames = (plan: Pick<ExperimentPlan, 'config'>) => ({
  all: plan.config.losses.map(({ name }) => name),
  changing: changingLosses(plan),
});

/** Names of the losses whose weight changes over the training. */
export const changingLosses = ({ config }: Pick<ExperimentPlan, 'config'>): string[] =>
  config.losses.filter(({ weight }) => typeof weight !== 'number').map(({ name }) => name);
