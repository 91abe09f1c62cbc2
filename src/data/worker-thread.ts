/** How the workers of the data pipeline are started. */
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import { compiled } from '../compiled.js';
import type { WorkerSetup } from './loader/worker-protocol.js';

/** Start a decoding worker. @throws RelaybpError if it is not there: not built */
export const startWorker = (setup: WorkerSetup): Worker =>
  startThread('loader/decode-worker', setup);

/**
 * Start a worker: the compiled one also where the sources run directly, as a worker cannot load TypeScript.
 *
 * @param name of the file, from this folder, without its ending; @param data must survive a structured clone
 * @throws RelaybpError if it is not there: not built
 */
export function startThread(name: string, data: unknown): Worker {
  return new Worker(compiled(`data/${name}.js`), {
    workerData: data,
    name: `relaybp-${basename(name).replace('-worker', '')}`,
    execArgv: [],
  });
}
