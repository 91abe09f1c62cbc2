/**
 * A process that inspects images for `Inspector`. A process rather than a thread, as the number of threads that decode
 * is set for a process as a whole, when it starts.
 */
import { reasonOf } from '../data/images/decode.js';
import { decodeOnThisThread } from '../data/images/turbojpeg.js';
import { pathOf } from '../data/index/file-names.js';
import { mtimeStamp } from '../data/index/image-index.js';
import { inspect } from './inspect.js';
import type { CheckBatch, CheckedBatch, CheckSetup } from './inspector.js';
import { bitOf, UNREAD } from './kinds.js';

const { limits, lanes } = JSON.parse(process.argv[2] ?? '{}') as CheckSetup;

decodeOnThisThread();

const nothing = (): void => {};
process.on('SIGUSR1', nothing).off('SIGUSR1', nothing); // as in bin/relaybp.js
process.on('message', (batch: CheckBatch) => void check(batch));
process.on('disconnect', () => process.exit());

async function check({ from, files, contents, sizes, mtimes }: CheckBatch): Promise<void> {
  const count = files.length;
  const result: CheckedBatch = {
    from,
    findings: new Uint32Array(count),
    hashes: new Uint32Array(2 * count),
    looks: new Uint32Array(2 * count),
    reasons: [],
  };
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const file = files[i]!;
      await one(i, typeof file === 'string' ? file : pathOf(file));
    }
  };
  const one = async (i: number, path: string | Buffer): Promise<void> => {
    try {
      const own = contents?.[i];
      if (typeof own === 'string') throw new Error(own);
      const found = await inspect(path, limits, own && Buffer.from(own));
      const { findings, reasons, hash, look, state } = found;
      const known = state !== null && mtimes[i] !== 0;
      const changed = known && (state.size !== sizes[i] || mtimeStamp(state.mtimeMs) !== mtimes[i]);
      result.findings[i] = findings | (changed ? bitOf('changed') : 0);
      result.hashes.set(hash, 2 * i);
      if (look) result.looks.set(look, 2 * i);
      for (const [kind, reason] of reasons) result.reasons.push([i, kind, reason]);
    } catch (error) {
      result.findings[i] = bitOf('undecodable') | UNREAD;
      result.reasons.push([i, 'undecodable', reasonOf(error)]);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  process.send!(result);
}
