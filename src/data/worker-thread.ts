/** Where the compiled workers are, and how they are started. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { RelaybpError } from '../errors.js';
import { toMend } from '../installation.js';
import type { WorkerSetup } from './loader/worker-protocol.js';

/** Start a decoding worker. @throws RelaybpError if it is not there: not built */
export const startWorker = (setup: WorkerSetup): Worker =>
  startThread('loader/decode-worker', setup);

/**
 * Start a worker. In compiled code it lies below this folder; when the sources run directly
 * (tests), it is the one that `npm run build` has put into dist, as a worker cannot load
 * TypeScript.
 * @param name of the file, from this folder, without its ending; @param data must survive a structured clone
 * @throws RelaybpError if it is not there: not built
 */
export function startThread(name: string, data: unknown): Worker {
  return new Worker(compiled(name), {
    workerData: data,
    name: `relaybp-${basename(name).replace('-worker', '')}`,
    execArgv: [],
  });
}

/** The compiled file of a program that runs beside this one, from this folder. @throws RelaybpError if it is not there: not built */
export function compiled(name: string): URL {
  const source = import.meta.url.endsWith('.ts');
  const url = new URL(source ? `../../dist/data/${name}.js` : `./${name}.js`, import.meta.url);
  if (!existsSync(url)) {
    throw new RelaybpError(`${fileURLToPath(url)}: missing`, toMend());
  }
  return url;
}
