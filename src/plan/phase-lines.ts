import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { changesText, inPhase } from '../experiment/moment.js';
import { memoryPlan } from '../experiment/step-memory.js';
import { idleLayers, rangeTable } from '../relay/ranges.js';
import { totals } from './cost.js';

/**
 * The phases of a training whose losses are switched or change their ranges: when each begins, what changes, the losses'
 * ranges, which layers rest, and what a step takes. Nothing where there is but one.
 */
export function phaseLines(plan: ExperimentPlan): string[] {
  const { phases, trunk } = plan;
  if (phases.length === 1) return [];
  return phases.flatMap((phase, i) => {
    const now = inPhase(plan, phase);
    const before = phases[i - 1];
    const idle = idleLayers(trunk, phase.losses).map(({ name }) => name);
    const { relativeToStandardBp } = totals(now);
    const memory = `${(memoryPlan(now).activations / 2 ** 20).toFixed(1)} MiB`;
    return [
      '',
      `${phase.when}${before ? `: ${changesText(plan, before, phase)}` : ':'}`,
      `  training step ${relativeToStandardBp.toFixed(3)} x the multiply-adds of standard BP, activations and signals ${memory}`,
      ...rangeTable(trunk, phase.losses),
      ...(idle.length > 0 ? [`  resting: ${idle.join(', ')}`] : []),
    ];
  });
}
