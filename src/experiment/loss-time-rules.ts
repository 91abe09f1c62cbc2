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
    if (weight.until !== undefined) expectLater(weight.until, weight.from, [...path, 'until']);
  }
}

/** @throws ConfigError if a time is known to be no later than another of the same loss */
export function expectLater(
  time: Duration,
  than: Duration,
  path: readonly (string | number)[],
): void {
  if (amountOf(than) > 0 && isInSteps(time) !== isInSteps(than)) return;
  if (amountOf(time) > amountOf(than)) return;
  throw new ConfigError(
    `${durationText(time)} is not after ${durationText(than)}`,
    'let the times of a loss follow each other; all count from the start of the training',
    path,
  );
}
