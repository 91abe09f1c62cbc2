import type { Duration } from '../config/duration.js';
import { toSteps } from '../config/duration.js';
import type { ScheduleConfig } from '../config/experiment-schema.js';

/** How the learning rate goes, in words: `step, × 0.1 every 30 epochs, after a warm-up of 5 epochs`. */
export function scheduleText(schedule: ScheduleConfig): string {
  const warm = toSteps(schedule.warmup, 1e6) > 0; // whatever the length of an epoch
  return warm
    ? `${shape(schedule)}, after a warm-up of ${durationText(schedule.warmup)}`
    : shape(schedule);
}

function shape(schedule: ScheduleConfig): string {
  const { type } = schedule;
  switch (type) {
    case 'constant':
      return type;
    case 'step':
      return `${type}, × ${schedule.factor} every ${durationText(schedule.every)}`;
    case 'multistep':
      return `${type}, × ${schedule.factor} at ${schedule.milestones.map(durationText).join(', ')}`;
    case 'plateau': {
      const { factor, patience, threshold, minimum } = schedule;
      const better = threshold > 0 ? `an error better by ${threshold} points` : 'a better error';
      const least = minimum > 0 ? `, not below ${minimum}` : '';
      return `${type}, × ${factor} after ${plural(patience, 'evaluation')} without ${better}${least}`;
    }
    case 'poly':
      return `${type}, to 0 with power ${schedule.power}`;
    case 'cosine':
      return `${type}, to ${schedule.minimum}`;
  }
}

const durationText = (duration: Duration): string =>
  typeof duration === 'number' ? plural(duration, 'epoch') : duration.trim();

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
