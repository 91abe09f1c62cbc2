/**
 * Asks the file system about millions of files by several threads at once.
 *
 * A call takes some microseconds on a local disk and up to a millisecond over a network, and only one is under way per
 * thread. Promises of `node:fs` would do it on libuv's threads, but cost several times a local call each.
 */

import type { Worker } from 'node:worker_threads';
import { DataError } from '../../errors.js';
import { processors } from '../../processors.js';
import { withResolvers } from '../deferred.js';
import { startThread } from '../worker-thread.js';
import type { DirectoryColumns } from './directories.js';
import type { ClassFolder } from './folder-index.js';
import type { ImageIndex, IndexColumns } from './image-index.js';
import type { LeftOut } from './left-out.js';
import type { StatResult } from './list-index.js';

/** Go through a class folder, or look at the images `from` to `to` of a list. */
export type ScanJob =
  | { kind: 'folder'; folder: ClassFolder }
  | { kind: 'stat'; from: number; to: number };

export type FromScanWorker =
  /** So many more files were found; the job goes on. */
  | { kind: 'files'; files: number }
  | { kind: 'folder'; columns: IndexColumns; directories: DirectoryColumns; leftOut: LeftOut }
  | { kind: 'stat'; result: StatResult }
  | { kind: 'failed'; data: boolean; message: string; hint?: string };

export type ScanResult = Exclude<FromScanWorker, { kind: 'files' | 'failed' }>;

/** More than processors, as a network file system lets threads wait. */
export const SCAN_THREADS = Math.min(16, Math.max(8, processors()));

/**
 * Does jobs on threads of its own, and gives their results in the order of the jobs.
 *
 * @param index of a list, for jobs of the kind 'stat'
 * @param onFiles told now and then how many more files were found
 * @throws DataError as the job says; the threads are ended in any case
 */
export async function* scanAll(
  jobs: readonly ScanJob[],
  index: ImageIndex | null,
  onFiles: (more: number) => void,
): AsyncGenerator<ScanResult> {
  const results = jobs.map(() => withResolvers<ScanResult>());
  for (const { promise } of results) promise.catch(() => {}); // seen when it is its turn
  let next = 0;
  const threads: Worker[] = [];
  const start = (): void => {
    const worker = startThread('index/scan-worker', index);
    threads.push(worker);
    let at = -1;
    const take = (): void => {
      if (next >= jobs.length) return;
      at = next++;
      worker.postMessage(jobs[at]);
    };
    worker.on('message', (message: FromScanWorker) => {
      if (message.kind === 'files') return onFiles(message.files);
      if (message.kind === 'failed') results[at]!.reject(failure(message));
      else results[at]!.resolve(message);
      take();
    });
    worker.on('error', (error) => results[at]?.reject(error));
    take();
  };
  try {
    for (let i = 0; i < Math.min(SCAN_THREADS, jobs.length); i++) start();
    for (const [i, { promise }] of results.entries()) {
      yield await promise;
      results[i] = withResolvers(); // lets go of the columns
    }
  } finally {
    await Promise.all(threads.map((worker) => worker.terminate()));
  }
}

const failure = ({ data, message, hint }: Extract<FromScanWorker, { kind: 'failed' }>): Error =>
  data ? new DataError(message, hint) : new Error(message);
