/** How the workers of the data pipeline are started. */
import { basename } from 'node:path';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { compiled } from '../compiled.js';
import type { WorkerSetup } from './loader/worker-protocol.js';

/**
 * MiB for what lives shortly: decoding makes little garbage in JavaScript's own memory, and much outside of it, which
 * stays as long as that is not collected.
 */
const YOUNG = 4;

/** Start a decoding worker. @throws RelaybpError if it is not there: not built */
export const startWorker = (setup: WorkerSetup): Worker =>
  startThread('loader/decode-worker', setup, { maxYoungGenerationSizeMb: YOUNG });

/**
 * Start a worker: the compiled one also where the sources run directly, as a worker cannot load TypeScript.
 *
 * @param name of the file, from this folder, without its ending; @param data must survive a structured clone
 * @throws RelaybpError if it is not there: not built
 */
export function startThread(
  name: string,
  data: unknown,
  resourceLimits: ResourceLimits = {},
): Worker {
  return new Worker(compiled(`data/${name}.js`), {
    workerData: data,
    name: `relaybp-${basename(name).replace('-worker', '')}`,
    execArgv: [],
    resourceLimits,
  });
}
