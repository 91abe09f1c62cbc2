import { EngineError } from '../errors.js';
import type { PoolWindow } from './engine.js';

/**
 * A window in nothing but padding has no maximum and no mean.
 *
 * @throws EngineError if the padding of a side is as large as the window
 */
export function checkPoolWindow({ kernel, padding }: PoolWindow): void {
  if (padding.every((pixels, side) => pixels < kernel[side < 2 ? 0 : 1])) return;
  throw new EngineError(
    `a pooling window of ${kernel.join('x')} with padding [${padding.join(', ')}]: less padding than the window is needed, or windows lie in the padding alone`,
  );
}
