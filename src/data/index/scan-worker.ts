/** The worker thread of a `ScanPool`: asks the file system about class folders, or about the files of a list. */
import { parentPort, workerData } from 'node:worker_threads';
import { DataError } from '../../errors.js';
import { messageWithPath } from '../../system-error.js';
import { Directories } from './directories.js';
import { pathOf } from './file-names.js';
import { scanClass } from './folder-index.js';
import { type ImageIndex, IndexBuilder } from './image-index.js';
import { nothingLeftOut } from './left-out.js';
import { statImages } from './list-index.js';
import type { FromScanWorker, ScanJob } from './scan-pool.js';

const port = parentPort;
if (!port) throw new Error('scan-worker.js runs as a worker thread of ScanPool only');
/** Of a list; its columns are shared. */
const index = workerData as ImageIndex | null;

const send = (message: FromScanWorker, move: ArrayBuffer[] = []): void =>
  port.postMessage(message, move);

function scan(job: Extract<ScanJob, { kind: 'folder' }>): void {
  const parts = {
    builder: new IndexBuilder(),
    directories: new Directories(),
    leftOut: nothingLeftOut(),
  };
  const { path, ...folder } = job.folder;
  // A path of bytes arrives as an array of bytes.
  const own = typeof path === 'string' ? path : pathOf(path);
  scanClass(parts, { ...folder, path: own }, (files) => send({ kind: 'files', files }));
  const move: ArrayBuffer[] = [];
  const columns = parts.builder.columns((bytes) => {
    const memory = new ArrayBuffer(bytes);
    move.push(memory);
    return memory;
  });
  const { directories, leftOut } = parts;
  send({ kind: 'folder', columns, directories: directories.columns(), leftOut }, move);
}

port.on('message', (job: ScanJob) => {
  try {
    if (job.kind === 'folder') scan(job);
    else send({ kind: 'stat', result: statImages(index!, job.from, job.to) });
  } catch (error) {
    const hint = error instanceof DataError ? error.hint : undefined;
    send({
      kind: 'failed',
      data: error instanceof DataError,
      message: messageWithPath(error),
      hint,
    });
  }
});
