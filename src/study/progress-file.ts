import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RelaybpError } from '../errors.js';
import { parsed, writeJson } from './outcome.js';
import type { Part } from './parts.js';
import type { StudyProgress } from './study-runner.js';
import type { StudyStanding } from './study-standing.js';

/** Between two words of a study that is at work: milliseconds. */
const PROGRESS_MS = 5000;
/** One that has said nothing for so long is not at work: it was killed. */
const SILENT_MS = 12 * PROGRESS_MS;

const count = z.number().nonnegative();
const progressSchema = z.object({
  formatVersion: z.literal(1),
  done: count,
  total: count,
  runs: z.array(z.object({ id: z.string(), step: count, steps: count })),
  secondsLeft: count.nullable(),
  /** False once its process has ended. */
  working: z.boolean(),
});

/** `progress.json`, of a part `progress-2-of-4.json`. */
const FILE = /^progress(-\d+-of-\d+)?\.json$/;
const nameOf = ({ index, count }: Part): string =>
  count === 1 ? 'progress.json' : `progress-${index + 1}-of-${count}.json`;

/** Says now and then how far a part of a study is, for whoever watches it, until it is closed. */
export class ProgressWriter {
  private last: StudyProgress = { done: 0, total: 0, runs: [], secondsLeft: null };
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly study: string,
    private readonly part: Part,
  ) {
    this.timer = setInterval(() => this.write(true), PROGRESS_MS);
    this.timer.unref();
  }

  at(progress: StudyProgress): void {
    const first = this.last.total === 0;
    this.last = progress;
    if (first) this.write(true);
  }

  close(): void {
    clearInterval(this.timer);
    this.write(false);
  }

  /** A disk that is full keeps nobody from training. */
  private write(working: boolean): void {
    const { done, total, runs, secondsLeft } = this.last;
    const about = { done, total, runs: working ? runs : [], secondsLeft, working };
    try {
      writeJson(join(this.study, nameOf(this.part)), { formatVersion: 1, ...about });
    } catch (error) {
      if (!(error instanceof RelaybpError)) throw error;
    }
  }
}

/** Names of the files in a study's folder that say how far it is. */
export const progressFiles = (study: string): string[] =>
  existsSync(study) ? readdirSync(study).filter((name) => FILE.test(name)) : [];

/**
 * @returns null where no process has said anything
 * @throws CheckpointError if a file is damaged
 */
export function readStanding(study: string): StudyStanding | null {
  const parts = progressFiles(study).map((name) => {
    const file = join(study, name);
    const said = parsed(file, progressSchema, 'relaybp study writes it anew');
    const age = Date.now() - statSync(file).mtimeMs;
    return { ...said, age, working: said.working && age < SILENT_MS };
  });
  const [newest] = parts.sort((a, b) => a.age - b.age);
  if (!newest) return null;
  const working = parts.filter((part) => part.working);
  const left = working.map(({ secondsLeft }) => secondsLeft);
  return {
    done: newest.done,
    total: newest.total,
    runs: working.flatMap(({ runs }) => runs),
    secondsLeft: left.length > 0 && !left.includes(null) ? Math.max(...left.map(Number)) : null,
    working: working.length > 0,
  };
}
