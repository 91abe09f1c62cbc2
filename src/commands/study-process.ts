/** A process that does one run of a study (`launchJob` starts it): a network's crash or its hunger is then of that run alone. */
import { RelaybpError } from '../errors.js';
import { messageOf } from '../system-error.js';
import { type JobEnd, type StudyJob, studyJob } from './study-job.js';

/** What the process tells. */
export type JobMessage =
  | { readonly step: number; readonly steps: number }
  | { readonly notice: string }
  | { readonly end: JobEnd }
  | { readonly error: string };

const stop = new AbortController();
const tell = (message: JobMessage): void => {
  if (process.connected) process.send!(message);
};
// Who started it says when to stop, or has died. The keyboard's signals are for that process.
process.on('disconnect', () => stop.abort());
for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGXCPU'] as const) {
  process.on(signal, () => {});
}
process.on('SIGTERM', () => stop.abort());
process.on('message', (message: StudyJob | 'stop') => {
  if (message === 'stop') stop.abort();
  else void work(message);
});

/** Between two messages of how far it is. */
const REST_MS = 250;

async function work(job: StudyJob): Promise<void> {
  let told = Number.NEGATIVE_INFINITY;
  const events = {
    step: ({ step, totalSteps }: { step: number; totalSteps: number }): void => {
      if (performance.now() - told < REST_MS) return;
      told = performance.now();
      tell({ step, steps: totalSteps });
    },
  };
  const notice = (line: string): void => tell({ notice: line });
  try {
    tell({ end: await studyJob(job, { events, notice, signal: stop.signal }) });
  } catch (error) {
    const text = error instanceof RelaybpError ? messageOf(error) : String((error as Error).stack);
    tell({ error: text });
  }
  process.disconnect?.();
}
