import type { LossWeight } from '../config/loss-weight.js';
import { type Durations, decaysUntil } from './decays.js';

/** The weight of a loss in step `step` (0 first). */
export function weightAt(weight: LossWeight, step: number, durations: Durations): number {
  if (typeof weight === 'number') return weight;
  const { timeline, length } = durations;
  if (weight.type === 'step' || weight.type === 'multistep') {
    return weight.start * weight.factor ** decaysUntil(weight, step, timeline);
  }
  const { start, end, from, until = length } = weight;
  const share = timeline.share(from, until, step);
  const done = weight.type === 'linear' ? share : 0.5 * (1 - Math.cos(Math.PI * share));
  return start + (end - start) * done;
}
