import type { Communicator } from './communicator.js';
import { launchedBy } from './launcher.js';
import { openMpi } from './mpi.js';
import { single } from './single.js';
import { shareProcessors } from './threads.js';

/**
 * The ranks that this process is one of: those that a launcher of MPI has started together, else it alone.
 *
 * @param options.timeout seconds that a rank waits for others
 * @throws ConfigError, EngineError where ranks that were started together cannot find each other
 */
export async function openRanks(options: { timeout: number }): Promise<Communicator> {
  const launched = launchedBy();
  if (!launched) return single;
  shareProcessors(launched.local);
  return openMpi(launched, options);
}
