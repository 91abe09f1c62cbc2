/** Inspects all images of a data set on all processors. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compiled } from '../compiled.js';
import { reasonOf } from '../data/images/decode.js';
import type { FilePath } from '../data/index/file-names.js';
import { shown } from '../data/index/file-names.js';
import { type ImageIndex, imageFile } from '../data/index/image-index.js';
import { hasMembers } from '../data/index/members.js';
import { MemberReader } from '../data/loader/member-reader.js';
import { DataError } from '../errors.js';
import { processors } from '../processors.js';
import type { Hashes } from './duplicates.js';
import type { Limits } from './inspect.js';
import { bitOf, type KindName } from './kinds.js';

export interface CheckSetup {
  limits: Limits;
  /** Images inspected at once by a process. */
  lanes: number;
}

/** Images for a process, with what the index says of them. */
export interface CheckBatch {
  from: number;
  files: (string | Uint8Array)[];
  /** Of images that lie in larger files: their bytes, or why they cannot be read. */
  contents?: (Uint8Array | string)[];
  sizes: Uint32Array;
  mtimes: Uint32Array;
}

export interface CheckedBatch {
  from: number;
  /** [n]: bits of `KINDS`. */
  findings: Uint32Array;
  /** [n, 2] */
  hashes: Uint32Array;
  /** [n, 2]: what each looks like; 0 where that cannot be told. */
  looks: Uint32Array;
  /** Image within the batch, what was found, and why. */
  reasons: [number, KindName, string][];
}

/** What was found, image by image. */
export interface Findings {
  /** [count]: bits of `KINDS`. */
  findings: Uint32Array;
  /** [count]: the two halves of each file's hash. */
  high: Uint32Array;
  low: Uint32Array;
  /** [count]: the two halves of what each looks like. */
  looks: Hashes;
  /** By `reasonKey`, where a finding has a reason; of very many only the first so many. */
  reasons: Map<number, string>;
}

/** A key for the reason of a finding; with null what to add to the keys of images numbered from `image` on. */
export const reasonKey = (image: number, kind: KindName | null): number =>
  image * 2 ** 16 + (kind === null ? 0 : bitOf(kind));

/** Processes at most. Each decodes usual JPEGs on its own thread, and leaves all else to threads of sharp's. */
const MOST_PROCESSES = 16;
const BATCH = 64;
const MAX_REASONS = 100_000;

/**
 * Reads every image of an index.
 *
 * @param onProgress called with the images done
 * @throws DataError if a decoder brings its process down
 */
export async function inspectAll(
  index: ImageIndex,
  limits: Limits,
  onProgress: (done: number) => void,
): Promise<Findings> {
  const { count } = index;
  const all: Findings = {
    findings: new Uint32Array(count),
    high: new Uint32Array(count),
    low: new Uint32Array(count),
    looks: { high: new Uint32Array(count), low: new Uint32Array(count) },
    reasons: new Map(),
  };
  let [next, done] = [0, 0];
  const take = (): CheckBatch | null => {
    if (next >= count) return null;
    const from = next;
    next = Math.min(count, from + BATCH);
    const files: FilePath[] = [];
    for (let i = from; i < next; i++) files.push(imageFile(index, i));
    // Copied, as shared memory cannot be sent to a process.
    const [sizes, mtimes] = [index.sizes.slice(from, next), index.mtimes.slice(from, next)];
    return { from, files, sizes: Uint32Array.from(sizes), mtimes: Uint32Array.from(mtimes) };
  };
  const keep = ({ from, findings, hashes, looks, reasons }: CheckedBatch): void => {
    all.findings.set(findings, from);
    for (let i = 0; i < findings.length; i++) {
      all.high[from + i] = hashes[2 * i]!;
      all.low[from + i] = hashes[2 * i + 1]!;
      all.looks.high[from + i] = looks[2 * i]!;
      all.looks.low[from + i] = looks[2 * i + 1]!;
    }
    for (const [i, kind, reason] of reasons) {
      if (all.reasons.size < MAX_REASONS) all.reasons.set(reasonKey(from + i, kind), reason);
    }
    done += findings.length;
    onProgress(done);
  };
  const reader = hasMembers(index) ? new MemberReader(index) : null;
  const filled = async (batch: CheckBatch): Promise<CheckBatch> => {
    if (!reader) return batch;
    const read = (_: unknown, i: number): Promise<Uint8Array | string> =>
      reader.bytes(batch.from + i).catch(reasonOf);
    return { ...batch, contents: await Promise.all(batch.files.map(read)) };
  };
  const available = processors();
  const processes = Math.min(available, MOST_PROCESSES, Math.ceil(count / BATCH));
  const threads = Math.ceil(available / processes) + 1;
  const children: ChildProcess[] = [];
  try {
    const work = Array.from({ length: processes }, () => {
      const child = startProcess({ limits, lanes: threads + 1 }, threads);
      children.push(child);
      return serve(child, take, filled, keep);
    });
    await Promise.all(work);
  } finally {
    for (const child of children) child.kill();
    await reader?.close();
  }
  return all;
}

function startProcess(setup: CheckSetup, threads: number): ChildProcess {
  const file = fileURLToPath(compiled('check/check-process.js'));
  return fork(file, [JSON.stringify(setup)], {
    serialization: 'advanced',
    execArgv: [],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) },
  });
}

/** Keeps a process busy, one batch ahead, until there is nothing left. */
function serve(
  child: ChildProcess,
  take: () => CheckBatch | null,
  filled: (batch: CheckBatch) => Promise<CheckBatch>,
  keep: (batch: CheckedBatch) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiting = new Map<number, CheckBatch>();
    const give = (): void => {
      const batch = take();
      if (!batch) return;
      waiting.set(batch.from, batch);
      filled(batch).then((whole) => child.send(whole), reject);
    };
    child.on('message', (result: CheckedBatch) => {
      waiting.delete(result.from);
      keep(result);
      give();
      if (waiting.size === 0) resolve();
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      const [first] = waiting.values();
      const files = first
        ? `; it was at one of ${first.files.length} files from ${name(first)} on`
        : '';
      reject(
        new DataError(
          `a process that decodes images ended with ${signal ?? `code ${code}`}${files}`,
          'find the file by checking its class folder alone, and remove it',
        ),
      );
    });
    give();
    give();
    if (waiting.size === 0) resolve();
  });
}

const name = ({ files: [first] }: CheckBatch): string =>
  shown(typeof first === 'string' ? first : Buffer.from(first!));
