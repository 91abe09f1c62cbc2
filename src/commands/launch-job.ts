import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compiled } from '../compiled.js';
import { processors, withProcessors } from '../processors.js';
import type { JobEnd, StudyJob } from './study-job.js';
import type { JobMessage } from './study-process.js';

/** A run of a study in a process of its own. */
export interface LaunchedJob {
  /** How it ended; an error in words of a process that died, or could not test its run. */
  readonly end: Promise<JobEnd | { readonly error: string }>;
  /** Lets it finish its step and save. */
  stop(): void;
}

export interface JobWatcher {
  step(step: number, steps: number): void;
  notice(line: string): void;
}

/** Of what a process has printed last, for the message if it dies: characters. */
const LAST_WORDS = 600;

/** Starts the process of a job, with its share of the processors. */
export function launchJob(job: StudyJob, { step, notice }: JobWatcher): LaunchedJob {
  const share = Math.max(1, Math.floor(processors() / job.jobs));
  const child = fork(fileURLToPath(compiled('commands/study-process.js')), [], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: job.jobs === 1 ? process.env : withProcessors(share),
  });
  let words = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-LAST_WORDS);
  });
  const end = new Promise<JobEnd | { error: string }>((resolve) => {
    let found: JobEnd | { error: string } | null = null;
    child.on('message', (message: JobMessage) => {
      if ('step' in message) step(message.step, message.steps);
      else if ('notice' in message) notice(message.notice);
      else found = 'end' in message ? message.end : message;
    });
    child.on('error', (error) => resolve({ error: `its process: ${error.message}` }));
    child.on('close', (code, signal) => {
      const why = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
      const memory = signal === 'SIGKILL' ? ' (as the system does where memory runs out)' : '';
      const last = words.trim() === '' ? '' : `: ${words.trim()}`;
      resolve(found ?? { error: `its process ${why}${memory}${last}` });
    });
  });
  child.send(job, () => {}); // a process that is gone already says so by its end
  return {
    end,
    stop: () => {
      if (child.connected) child.send('stop', () => {});
    },
  };
}
