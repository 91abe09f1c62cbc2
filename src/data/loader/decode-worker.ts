/** The worker thread of a `Loader`: fills its buffers, several images at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from '../images/decode.js';
import { decodeOnThisThread } from '../images/turbojpeg.js';
import { BatchFiller } from './batch-filler.js';
import type { FromWorker, ToWorker, WorkerSetup } from './worker-protocol.js';

const port = parentPort;
if (!port) throw new Error('decode-worker.js runs as a worker thread of Loader only');

decodeOnThisThread();
const filler = new BatchFiller(workerData as WorkerSetup, (message: FromWorker) =>
  port.postMessage(message),
);
port.on('message', (message: ToWorker) => {
  if (message.kind === 'release') filler.release(message.buffer);
  else filler.close();
});
filler
  .run()
  .catch((error: unknown) => {
    port.postMessage({ kind: 'broken', message: reasonOf(error) } satisfies FromWorker);
  })
  .finally(() => port.close()); // nothing left to do: the thread ends
