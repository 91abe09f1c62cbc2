import { durationText, isNone } from '../config/duration.js';
import type { ScheduleConfig } from '../config/experiment-schema.js';
import type { Metric } from '../config/metric.js';

/**
 * How the learning rate goes, in words: `step, × 0.1 every 30 epochs, after a warm-up of 5 epochs`.
 *
 * @param metric what `plateau` watches
 */
export function scheduleText(schedule: ScheduleConfig, metric: Metric): string {
  const { warmup, warmupFrom, per } = schedule;
  const from = warmupFrom === undefined ? '' : ` from ${warmupFrom}`;
  return [
    shape(schedule, metric),
    ...(isNone(warmup) ? [] : [`after a warm-up of ${durationText(warmup)}${from}`]),
    ...('over' in schedule && schedule.over === 'all' ? ['over the whole training'] : []),
    ...(per === 'epoch' ? ['epoch by epoch'] : []),
  ].join(', ');
}

function shape(schedule: ScheduleConfig, metric: Metric): string {
  const { type } = schedule;
  switch (type) {
    case 'constant':
      return type;
    case 'step':
      return `${type}, × ${schedule.factor} every ${durationText(schedule.every)}`;
    case 'multistep':
      return `${type}, × ${schedule.factor} at ${schedule.milestones.map(durationText).join(', ')}`;
    case 'plateau': {
      const { factor, patience, threshold, thresholdOf, minimum } = schedule;
      const what = { top1: 'error', top5: 'top-5 error', loss: 'loss' }[metric];
      const score = metric === 'loss' ? 'loss' : 'accuracy';
      const points =
        thresholdOf === 'best' ? ` of the best ${score}` : metric === 'loss' ? '' : ' points';
      const article = what === 'error' ? 'an' : 'a';
      const better =
        threshold > 0 ? `${article} ${what} better by ${threshold}${points}` : `a better ${what}`;
      const least = minimum > 0 ? `, not below ${minimum}` : '';
      return `${type}, × ${factor} after ${plural(patience, 'evaluation')} without ${better}${least}`;
    }
    case 'poly':
      return `${type}, to 0 with power ${schedule.power}`;
    case 'cosine':
      return `${type}, to ${schedule.minimum}`;
  }
}

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
