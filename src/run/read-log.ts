import { join } from 'node:path';
import { z } from 'zod';
import { linesOf, rowOf } from './json-lines.js';

/** What log.jsonl tells of a training, over all the sessions that it took. */
export interface RunLog {
  /** Of the whole training, as the last session began. */
  totalSteps: number | null;
  images: number | null;
  engine: string | null;
  /** From the beginning of each session to its last line. */
  seconds: number | null;
  /** Whether the last session has ended and said so; null in logs of versions that did not say it. */
  ended: boolean | null;
  /** Whether a session began after a moment, in milliseconds since 1970. */
  startedAfter(time: number): boolean;
}

const lineSchema = z.object({
  time: z.number(),
  msg: z.string(),
  totalSteps: z.number().optional().catch(undefined),
  wholeSteps: z.number().optional().catch(undefined),
  images: z.number().optional().catch(undefined),
  engine: z.string().optional().catch(undefined),
});

const START = 'training starts';
const END = 'training ends';

/**
 * Lines that are torn, or not of the expected form, are left out.
 *
 * @throws CheckpointError if the file cannot be read, or is no regular file
 */
export function readLog(run: string): RunLog {
  const lines = linesOf(join(run, 'log.jsonl'))
    .map((line) => rowOf(line, lineSchema))
    .filter((line) => line !== null);
  const start = lines.findLast(({ msg }) => msg === START);
  const end = lines.findLastIndex(({ msg }) => msg === END);
  let milliseconds = 0;
  lines.forEach(({ time, msg }, i) => {
    if (i > 0 && msg !== START) milliseconds += Math.max(0, time - lines[i - 1]!.time);
  });
  return {
    // Older versions tell only where the session was to end.
    totalSteps: start?.wholeSteps ?? start?.totalSteps ?? null,
    images: start?.images ?? null,
    engine: start?.engine ?? null,
    seconds: lines.length > 1 ? milliseconds / 1000 : null,
    ended: end < 0 ? null : end > lines.findLastIndex(({ msg }) => msg === START),
    startedAfter: (time) => (start?.time ?? 0) > time,
  };
}
