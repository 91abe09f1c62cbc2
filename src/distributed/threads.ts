import { availableParallelism, cpus } from 'node:os';
import type { Launched } from './launcher.js';

/**
 * Ranks of one machine share its processors: an engine that opens afterwards takes this rank's part of them, unless
 * `TF_NUM_INTRAOP_THREADS` says otherwise, or the launcher has bound the process to some already.
 */
export function shareProcessors({ size }: Launched['local']): void {
  const all = availableParallelism();
  if (size < 2 || all < cpus().length) return;
  process.env.TF_NUM_INTRAOP_THREADS ??= String(Math.max(1, Math.floor(all / size)));
}
