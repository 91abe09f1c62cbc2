import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What log.jsonl tells of a training, over all the sessions that it took. */
export interface RunLog {
  /** As the last session began. */
  totalSteps: number | null;
  images: number | null;
  engine: string | null;
  /** From the beginning of each session to its last line. */
  seconds: number | null;
  /** Whether a session began after a moment, in milliseconds since 1970. */
  startedAfter(time: number): boolean;
}

interface Line {
  time: number;
  msg: string;
  totalSteps?: number;
  images?: number;
  engine?: string;
}

const START = 'training starts';

/** Lines that are torn, or not of the expected form, are left out. */
export function readLog(run: string): RunLog {
  const file = join(run, 'log.jsonl');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(parsed) : [];
  const start = lines.findLast(({ msg }) => msg === START);
  let milliseconds = 0;
  lines.forEach(({ time, msg }, i) => {
    if (i > 0 && msg !== START) milliseconds += Math.max(0, time - lines[i - 1]!.time);
  });
  return {
    totalSteps: start?.totalSteps ?? null,
    images: start?.images ?? null,
    engine: start?.engine ?? null,
    seconds: lines.length > 1 ? milliseconds / 1000 : null,
    startedAfter: (time) => (start?.time ?? 0) > time,
  };
}

function parsed(text: string): Line[] {
  try {
    const line = JSON.parse(text) as Partial<Line>;
    return typeof line.time === 'number' && typeof line.msg === 'string' ? [line as Line] : [];
  } catch {
    return [];
  }
}
