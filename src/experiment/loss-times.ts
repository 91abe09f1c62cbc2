import { amountOf, type Duration, durationText, isInSteps } from '../config/duration.js';
import type { LossConfig } from '../config/experiment-schema.js';
import { ConfigError } from '../errors.js';

/**
 * Rules between the numbers and times of a loss that the schema cannot see.
 *
 * @throws ConfigError with the key path
 */
export function checkLossTimes(losses: readonly LossConfig[]): void {
  for (const [i, { weight }] of losses.entries()) {
    if (typeof weight === 'number' || !('end' in weight)) continue;
    const path = ['losses', i, 'weight'];
    if (weight.start === 0 && weight.end === 0) {
      throw new ConfigError(
        'start and end are both 0: the loss would train nothing',
        'give one of them a weight',
        path,
      );
    }
    expectLater(weight.until, weight.from, path);
  }
}

/** @throws ConfigError if `until` is known to be no later than `from` */
function expectLater(
  until: Duration | undefined,
  from: Duration,
  path: readonly (string | number)[],
): void {
  if (until === undefined || isInSteps(until) !== isInSteps(from)) return;
  if (amountOf(until) > amountOf(from)) return;
  throw new ConfigError(
    `${durationText(until)} is not after from, ${durationText(from)}`,
    'let until be later than from; both count from the start of the training',
    [...path, 'until'],
  );
}
