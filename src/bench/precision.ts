import { ConfigError } from '../errors.js';

export const PRECISIONS = ['float32', 'bf16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** @throws ConfigError if this relaybp cannot train in that precision */
export function checkPrecision(precision: Precision): void {
  if (precision === 'float32') return;
  throw new ConfigError(
    `--precision ${precision}: this version of relaybp trains in float32 only`,
    'use --precision float32',
  );
}
