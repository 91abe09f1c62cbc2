import { ConfigError } from '../errors.js';
import { flatten } from '../model/network-plan.js';
import type { ResolvedLoss } from '../relay/ranges.js';
import type { Durations } from './decays.js';
import type { ExperimentPlan, PhasePlan } from './experiment-plan.js';
import { memoryPlan } from './step-memory.js';
import { weightAt } from './weight-at.js';

/** The plan as it is in step `step` (0 first): the losses that are on, with their ranges and weights then. */
export function planAt(plan: ExperimentPlan, step: number, durations: Durations): ExperimentPlan {
  const phase = phaseAt(plan, step, durations);
  const weights = new Map(plan.config.losses.map(({ name, weight }) => [name, weight]));
  const losses = phase.losses.map((loss) => {
    return { ...loss, weight: weightAt(weights.get(loss.name)!, step, durations) };
  });
  return inPhase(plan, { ...phase, losses });
}

/** The plan as it is in a phase, the weights being the first ones. */
export const inPhase = (
  plan: ExperimentPlan,
  { losses, step, early }: PhasePlan,
): ExperimentPlan => ({ ...plan, losses, step, early });

/**
 * A phase by its number, from 1 in their order.
 *
 * @throws ConfigError if the training has fewer
 */
export function phaseOf({ phases }: Pick<ExperimentPlan, 'phases'>, number: number): PhasePlan {
  const phase = phases[number - 1];
  if (phase) return phase;
  const list = phases.map(({ when }, i) => `${i + 1}${when === undefined ? '' : ` (${when})`}`);
  throw new ConfigError(
    `--phase ${number}: the losses of this training have ${phases.length === 1 ? 'one phase' : `the phases ${list.join(', ')}`}`,
    phases.length === 1 ? 'leave --phase out' : `give a number from 1 to ${phases.length}`,
  );
}

export const phaseAt = (
  { phases }: Pick<ExperimentPlan, 'phases'>,
  step: number,
  { timeline }: Durations,
): PhasePlan => phases.findLast(({ from }) => timeline.stepAt(from) <= step) ?? phases[0]!;

/** The plan in the phase that needs the most memory. */
export function hungriest(plan: ExperimentPlan): ExperimentPlan {
  const plans = plan.phases.map((phase) => inPhase(plan, phase));
  const needs = plans.map((each) => memoryPlan(each).step);
  return plans[needs.indexOf(Math.max(...needs))]!;
}

/** Parameters to be trained that no loss trains in a step of the plan. */
export function restingParameters({ layers, step }: ExperimentPlan): string[] {
  const updated = new Set(step.update);
  return [...layers.values()]
    .filter(({ name }) => !updated.has(name))
    .flatMap(flatten)
    .filter(({ frozen }) => !frozen)
    .flatMap(({ parameters }) => parameters)
    .flatMap(({ name, state }) => (state ? [] : [name]));
}

/** What is another in a phase than in the one before, in words: `auxiliary is off; primary down to conv2_1`. */
export function changesText(
  { trunk }: Pick<ExperimentPlan, 'trunk'>,
  before: Pick<PhasePlan, 'losses'>,
  now: Pick<PhasePlan, 'losses'>,
): string {
  const find = ({ losses }: Pick<PhasePlan, 'losses'>, name: string): ResolvedLoss | undefined =>
    losses.find((loss) => loss.name === name);
  const names = new Set([...before.losses, ...now.losses].map(({ name }) => name));
  const changes = [...names].flatMap((name) => {
    const [was, is] = [find(before, name), find(now, name)];
    if (!is) return [`${name} is off`];
    if (was?.bottom === is.bottom) return [];
    const range = is.bottom > is.tap ? 'trains its head only' : `down to ${trunk[is.bottom]!.name}`;
    return [was ? `${name} ${range}` : `${name} is on, ${range}`];
  });
  return changes.join('; ');
}

/** Names of all losses, and of those that change over the training. */
export const lossNames = (plan: Pick<ExperimentPlan, 'config'>) => ({
  all: plan.config.losses.map(({ name }) => name),
  changing: changingLosses(plan),
});

/** Names of the losses whose weight changes over the training, or that are not always on. */
export const changingLosses = ({ config }: Pick<ExperimentPlan, 'config'>): string[] =>
  config.losses
    .filter(({ weight, enabled }) => typeof weight !== 'number' || typeof enabled !== 'boolean')
    .map(({ name }) => name);
