import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects garbage now. Initial weights and checkpoints pass through arrays of the network's size, which the engine
 * has copied; left to itself, V8 keeps hundreds of megabytes of them while training needs the memory.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}
