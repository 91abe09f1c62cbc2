import type { Part } from './parts.js';
import type { StudyFolder } from './run-status.js';
import { finalRunsOf, type StudyPlan, type StudyRun, trialsOf } from './study-runs.js';

/** Something to do: a training, or the test of a final run that has been trained as a trial. */
export interface Task {
  readonly run: StudyRun;
  /** Whether the run is to be tested: it is a final one. */
  readonly tested: boolean;
}

/** What is left of a study, as its folders are now. */
export interface Agenda {
  /** In the order in which it is to be done. */
  readonly open: readonly Task[];
  /** Of this part, with what others have to do first. */
  readonly waiting: readonly Task[];
  /** Everything that is not over, of all parts: what is open or waits included. */
  readonly left: number;
  /** All runs of the study. */
  readonly total: number;
  /** Final runs whose values are not known yet, of this part. */
  readonly unsettled: number;
  /** Of this part, what is over: nothing is done with it any more. */
  readonly done: readonly Task[];
  /** Of this part. */
  readonly failed: readonly StudyRun[];
}

/**
 * Trials come first, then the final runs by seed, so that a study that is stopped early has as many seeds of each
 * combination as of any other.
 *
 * @param part of the study that is done here
 */
export function agendaOf(plan: StudyPlan, folder: StudyFolder, part: Part): Agenda {
  const trials = plan.combinations.flatMap((combination) => trialsOf(plan, combination));
  const own = (place: number): boolean => place % part.count === part.index;
  const ownTrials = new Set(trials.filter((_, i) => own(i)).map(({ id }) => id));
  const allTrials = new Set(trials.map(({ id }) => id));
  const finals = finalsOf(plan, folder);
  const finalIds = new Set(finals.flatMap((run) => (run ? [run.id] : [])));
  const open: Task[] = [];
  const waiting: Task[] = [];
  const done: Task[] = [];
  const failed: StudyRun[] = [];
  const all = new Set<string>();
  const leftOver = new Set<string>();
  let [unknown, unsettled] = [0, 0];
  const consider = (run: StudyRun, isOwn: boolean, isTrial: boolean): void => {
    const outcome = folder.outcome(run);
    if (isOwn && outcome?.state === 'failed' && !failed.some(({ id }) => id === run.id)) {
      failed.push(run);
    }
    const tested = finalIds.has(run.id);
    const isOver =
      outcome !== null &&
      (isTrial || outcome.state !== 'finished' || folder.evaluation(run) !== null);
    all.add(run.id);
    if (isOver) {
      if (isOwn && (!isTrial || !tested)) done.push({ run, tested });
      return;
    }
    leftOver.add(run.id);
    if (!isOwn) return;
    const others = outcome === null && !isTrial && allTrials.has(run.id) && !ownTrials.has(run.id);
    (others ? waiting : open).push({ run, tested });
  };
  for (const [i, run] of trials.entries()) consider(run, own(i), true);
  for (const [i, run] of finals.entries()) {
    const isOwn = own(trials.length + i);
    if (run) consider(run, isOwn, false);
    else {
      unknown += 1;
      unsettled += isOwn ? 1 : 0;
    }
  }
  const left = leftOver.size + unknown;
  const total = all.size + unknown;
  return { open: withoutTwins(open), waiting, left, total, unsettled, done, failed };
}

/**
 * The final runs by seed, each combination in turn; null where trials have not chosen yet. Combinations none of whose
 * trials finished have none.
 */
function finalsOf(plan: StudyPlan, folder: StudyFolder): (StudyRun | null)[] {
  const byCombination = plan.combinations.map((combination) => {
    const tuning = folder.tuning(combination);
    const candidate = tuning ? tuning.chosen : plan.candidates.get(combination.id)![0]!;
    if (candidate) return finalRunsOf(plan, candidate);
    return plan.loaded.study.seeds.map(() => (tuning?.over ? undefined : null));
  });
  return plan.loaded.study.seeds.flatMap((_, i) =>
    byCombination.flatMap((runs) => (runs[i] === undefined ? [] : [runs[i]])),
  );
}

/** A trial that is a final run too is one task. */
function withoutTwins(tasks: readonly Task[]): Task[] {
  const seen = new Set<string>();
  return tasks.filter(({ run }) => !seen.has(run.id) && seen.add(run.id));
}
