import { setTimeout as sleep } from 'node:timers/promises';
import { type Agenda, agendaOf, type Task } from './agenda.js';
import { type Outcome, writeOutcome } from './outcome.js';
import type { Part } from './parts.js';
import type { StudyFolder } from './run-status.js';
import type { StudyPlan, StudyRun } from './study-runs.js';
import type { Work } from './work.js';

/** A task under way, in a process of its own. */
export interface Launched {
  /** `over`: its folder says how. An error in words of a process that died, or could not test its run. */
  readonly end: Promise<'over' | 'stopped' | 'in use' | { readonly error: string }>;
  stop(): void;
}

export interface RunnerEvents {
  /** How far the study is, whenever that changes. */
  progress(progress: StudyProgress): void;
  /** A run has ended, or a final one has been tested. */
  ended(run: StudyRun, outcome: Outcome): void;
  notice(line: string): void;
}

/** How far a study is. */
export interface StudyProgress {
  /** Runs that are over, and all. */
  readonly done: number;
  readonly total: number;
  /** Under way. */
  readonly runs: readonly { readonly id: string; readonly step: number; readonly steps: number }[];
  /** Of what is to be done here; null while it is not known. */
  readonly secondsLeft: number | null;
}

export interface RunnerOptions {
  readonly plan: StudyPlan;
  readonly folder: StudyFolder;
  readonly work: Work;
  readonly jobs: number;
  readonly part: Part;
  /** Waits for what other parts have to do first. */
  readonly wait: boolean;
  /** Runs anew what has failed before. */
  readonly retry: boolean;
  readonly events: RunnerEvents;
  launch(task: Task, step: (step: number, steps: number) => void): Launched;
}

export interface RunnerResult {
  readonly interrupted: boolean;
  /** As things are at the end. */
  readonly agenda: Agenda;
  /** Runs that could not be tested, with the reason. */
  readonly untested: readonly { readonly run: StudyRun; readonly reason: string }[];
}

/** Between two looks at what others do, milliseconds. */
const LOOK_MS = 1000;

/** Does what is left of a study: several runs at once, each in a process of its own. */
export class StudyRunner {
  private readonly under = new Map<
    string,
    { task: Task; launched: Launched; step: number; steps: number }
  >();
  /** Not to be tried again in this process. */
  private readonly given = new Set<string>();
  private readonly untested = new Map<string, { run: StudyRun; reason: string }>();
  private readonly saidInUse = new Set<string>();
  private readonly retried = new Set<string>();

  /** As it was at the last look. */
  private seen: Agenda;

  constructor(private readonly options: RunnerOptions) {
    this.seen = agendaOf(options.plan, options.folder, options.part);
  }

  /** @param signal lets runs finish their step and save */
  async run(signal?: AbortSignal): Promise<RunnerResult> {
    const stopAll = (): void => {
      for (const { launched } of this.under.values()) launched.stop();
    };
    signal?.addEventListener('abort', stopAll);
    try {
      while (await this.goOn(signal)) {
        // one run after another
      }
      await Promise.all([...this.under.values()].map(({ launched }) => launched.end));
    } finally {
      signal?.removeEventListener('abort', stopAll);
      stopAll(); // after an error
    }
    const agenda = this.agenda();
    const untested = [...this.untested.values()];
    return { interrupted: signal?.aborted ?? false, agenda, untested };
  }

  /** Starts what can be started, and waits for something to end. @returns false once there is nothing more to do */
  private async goOn(signal: AbortSignal | undefined): Promise<boolean> {
    const agenda = this.agenda();
    const stopping = signal?.aborted ?? false;
    const { jobs, folder, wait } = this.options;
    let inUse = 0;
    for (const task of agenda.open) {
      if (stopping || this.under.size >= jobs) break;
      if (this.under.has(task.run.id) || this.given.has(task.run.id)) continue;
      if (folder.isInUse(task.run)) {
        inUse += 1;
        this.sayInUse(task.run);
      } else this.start(task);
    }
    this.tell();
    if (this.under.size === 0) {
      const others = wait && (agenda.waiting.length > 0 || agenda.unsettled > 0);
      if (stopping || (inUse === 0 && !others)) return false;
      await sleep(LOOK_MS);
      return true;
    }
    await Promise.race([
      ...[...this.under.values()].map(({ launched }) => launched.end),
      ...(this.under.size < jobs && !stopping ? [sleep(LOOK_MS)] : []),
    ]);
    return true;
  }

  private agenda(): Agenda {
    const { plan, folder, part, retry } = this.options;
    const agenda = agendaOf(plan, folder, part);
    this.seen = agenda;
    if (!retry) return agenda;
    const again = agenda.failed.filter((run) => !this.retried.has(run.id));
    for (const run of again) {
      this.retried.add(run.id);
      folder.forget(run);
    }
    if (again.length > 0) this.seen = agendaOf(plan, folder, part);
    return this.seen;
  }

  private start(task: Task): void {
    const { run } = task;
    const { launch, work } = this.options;
    const launched = launch(task, (step, steps) => {
      const under = this.under.get(run.id);
      if (!under) return;
      Object.assign(under, { step, steps });
      work.at(run, step / steps);
      this.tell();
    });
    const end = launched.end.then((how) => {
      this.under.delete(run.id);
      this.end(task, how);
      return how;
    });
    this.under.set(run.id, { task, launched: { ...launched, end }, step: 0, steps: 0 });
  }

  private end({ run }: Task, how: Awaited<Launched['end']>): void {
    const { folder, work, events, jobs } = this.options;
    if (typeof how === 'object') {
      if (folder.outcome(run)) {
        this.untested.set(run.id, { run, reason: how.error });
        events.notice(`${run.id}: cannot be tested: ${how.error}`);
      } else {
        const unknown = { step: null, seconds: null, peakMemoryMiB: null };
        writeOutcome(folder.at(run), { state: 'failed', message: how.error, ...unknown, jobs });
      }
      this.given.add(run.id);
    }
    const outcome = folder.outcome(run);
    if (!outcome) return;
    work.at(run, 1);
    work.end(run);
    events.ended(run, outcome);
  }

  private tell(): void {
    const { work, events } = this.options;
    const agenda = this.seen;
    const own = [...agenda.open, ...agenda.waiting].map(({ run }) => run);
    events.progress({
      done: agenda.total - agenda.left,
      total: agenda.total,
      runs: [...this.under.values()].map(({ task, step, steps }) => ({
        id: task.run.id,
        step,
        steps,
      })),
      secondsLeft: work.secondsLeft(own, agenda.unsettled),
    });
  }

  private sayInUse(run: StudyRun): void {
    if (this.saidInUse.has(run.id)) return;
    this.saidInUse.add(run.id);
    const { folder, events } = this.options;
    events.notice(
      `${folder.at(run)}: another process is, or may be, at work in it: waiting for that (if it is dead, remove its lock.*.json)`,
    );
  }
}
