/** The parts of a training between the times at which losses are switched on or off or get another range. */
import { amountOf, type Duration, durationText, isInSteps } from '../config/duration.js';
import type { LossConfig } from '../config/experiment-schema.js';
import { firstWeight } from '../config/loss-weight.js';
import { ConfigError } from '../errors.js';
import type { LossRange } from '../relay/ranges.js';
import { expectLater } from './loss-time-rules.js';

type Path = readonly (string | number)[];

export interface Phase {
  /** It lasts from then until the next one begins; the first begins at 0. */
  readonly from: Duration;
  /** `from 20 epochs on`; undefined where there is but one phase. */
  readonly when: string | undefined;
  /** Those that are on. */
  readonly losses: readonly LossRange[];
}

/**
 * The phases in their order.
 *
 * @throws ConfigError with the key path if the times of a loss are out of order, or times cannot be compared
 */
export function phasesOf(losses: readonly LossConfig[]): Phase[] {
  const times = losses.flatMap(timesOf);
  checkUnits(times);
  const amounts = [...new Set([0, ...times.map(({ time }) => amountOf(time))])];
  amounts.sort((a, b) => a - b);
  return amounts.map((amount, i) => {
    const from = times.find(({ time }) => amountOf(time) === amount)?.time ?? 0;
    const on = losses.flatMap((loss, at) =>
      isOn(loss, amount) ? [rangeAt(loss, at, amount)] : [],
    );
    return { from, when: whenText(from, i, amounts.length), losses: on };
  });
}

function whenText(from: Duration, i: number, phases: number): string | undefined {
  if (phases === 1) return undefined;
  return i === 0 ? 'at first' : `from ${durationText(from)} on`;
}

interface Time {
  readonly time: Duration;
  readonly path: Path;
}

/** All times at which something of a loss changes. */
function timesOf({ enabled, range }: LossConfig, i: number): Time[] {
  const times: Time[] = [];
  const path = ['losses', i];
  if (typeof enabled !== 'boolean') {
    const { from = 0, until } = enabled;
    times.push({ time: from, path: [...path, 'enabled', 'from'] });
    if (until !== undefined) {
      expectLater(until, from, [...path, 'enabled', 'until']);
      times.push({ time: until, path: [...path, 'enabled', 'until'] });
    }
  }
  if (Array.isArray(range)) {
    let before: Duration = 0;
    for (const [j, { from }] of range.entries()) {
      const at = [...path, 'range', j, 'from'];
      if (j === 0) {
        expectAtStart(from, at);
        continue;
      }
      if (from === undefined) {
        throw new ConfigError(
          'a range that is not the first of its list needs the time from which on it holds',
          'write from, for instance {from: 20 epochs, downTo: …}',
          at.slice(0, -1),
        );
      }
      expectLater(from, before, at);
      times.push({ time: from, path: at });
      before = from;
    }
  }
  return times.filter(({ time }) => amountOf(time) > 0);
}

function expectAtStart(from: Duration | undefined, path: Path): void {
  if (from === undefined || amountOf(from) === 0) return;
  throw new ConfigError(
    `the first range of a list holds from the start of the training, not from ${durationText(from)}`,
    'leave its from out; a loss that begins later has enabled: {from: …}',
    path,
  );
}

/** Steps and epochs can be compared only once the images are known. */
function checkUnits(times: readonly Time[]): void {
  const [first] = times;
  const other = times.find(({ time }) => isInSteps(time) !== isInSteps(first!.time));
  if (!first || !other) return;
  throw new ConfigError(
    `${durationText(other.time)} here and ${durationText(first.time)} at ${first.path.join('.')}: which comes first depends on the number of images`,
    'give all times at which losses are switched or change their ranges in epochs, or all in steps',
    other.path,
  );
}

function isOn({ enabled }: LossConfig, at: number): boolean {
  if (typeof enabled === 'boolean') return enabled;
  const { from = 0, until } = enabled;
  return amountOf(from) <= at && (until === undefined || at < amountOf(until));
}

function rangeAt({ name, after, weight, range }: LossConfig, i: number, at: number): LossRange {
  const own = { name, after, weight: firstWeight(weight) };
  const loss = ['losses', i];
  if (range === undefined) return { ...own, path: { loss, range: [...loss, 'range'] } };
  if (!Array.isArray(range)) {
    return { ...own, range, path: { loss, range: [...loss, 'range'] } };
  }
  const j = range.findLastIndex(({ from = 0 }) => amountOf(from) <= at);
  const { downTo, layers } = range[j]!;
  return { ...own, range: { downTo, layers }, path: { loss, range: [...loss, 'range', j] } };
}
