import type { Duration } from '../config/duration.js';
import type { Timeline } from './timeline.js';

export interface Durations {
  readonly timeline: Timeline;
  /** Of the whole training. */
  readonly length: Duration;
}

/** What changes at regular intervals, or at milestones. */
type Decays =
  | { readonly type: 'step'; readonly every: Duration }
  | { readonly type: 'multistep'; readonly milestones: readonly Duration[] };

/** How often it has changed after `step` steps. */
export function decaysUntil(decays: Decays, step: number, timeline: Timeline): number {
  return decays.type === 'step'
    ? timeline.count(decays.every, step)
    : decays.milestones.filter((milestone) => step >= timeline.stepAt(milestone)).length;
}
