import { durationText, isNone } from '../config/duration.js';
import type { Enabled } from '../config/loss-times.js';
import type { LossWeight } from '../config/loss-weight.js';

/** What a loss weighs, in words: `0.3 to 0, linear, from 5 epochs until 20 epochs`. */
export function weightText(weight: LossWeight): string {
  if (typeof weight === 'number') return String(weight);
  const { start } = weight;
  switch (weight.type) {
    case 'linear':
    case 'cosine': {
      const { type, end, from, until } = weight;
      const begin = isNone(from) ? '' : ` from ${durationText(from)}`;
      const last = until === undefined ? 'the end' : durationText(until);
      return `${start} to ${end}, ${type},${begin} until ${last}`;
    }
    case 'step':
      return `${start}, × ${weight.factor} every ${durationText(weight.every)}`;
    case 'multistep':
      return `${start}, × ${weight.factor} at ${weight.milestones.map(durationText).join(', ')}`;
  }
}

/** When a loss is on, in words, after a comma: `, on until 40 epochs`; nothing of one that always is. */
export function enabledText(enabled: Enabled): string {
  if (typeof enabled === 'boolean') return enabled ? '' : ', off';
  const { from, until } = enabled;
  const times = [
    ...(from === undefined || isNone(from) ? [] : [`from ${durationText(from)}`]),
    ...(until === undefined ? [] : [`until ${durationText(until)}`]),
  ];
  return times.length === 0 ? '' : `, on ${times.join(' ')}`;
}
