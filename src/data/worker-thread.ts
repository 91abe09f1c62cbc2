/** Where the compiled worker is, and how it is started. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { WorkerSetup } from './protocol.js';

/**
 * Start a decoding worker. Beside compiled code it is the sibling file; when the sources run
 * directly (tests), it is the one that `npm run build` has put into dist, as a worker cannot
 * load TypeScript.
 * @throws Error if it has not been built
 */
export function startWorker(setup: WorkerSetup): Worker {
  const source = import.meta.url.endsWith('.ts');
  const relative = source ? '../../dist/data/decode-worker.js' : './decode-worker.js';
  const url = new URL(relative, import.meta.url);
  if (!existsSync(url)) {
    throw new Error(`${fileURLToPath(url)} does not exist: run \`npm run build\` first`);
  }
  return new Worker(url, { workerData: setup, name: 'relaybp-decode', execArgv: [] });
}
