import type { Combination } from './combinations.js';
import type { StudyImages } from './study-data.js';
import {
  type Candidate,
  finalRunsOf,
  type StudyPlan,
  type StudyRun,
  trialsOf,
} from './study-runs.js';
import { shortKey } from './values-text.js';
import { type Missing, type Workload, workloadOf } from './workload.js';

/** A run of a study before it is run. */
export interface ListedStudyRun extends Workload {
  /** Its folder; of a final run that waits for its trials with `?` for what they will choose. */
  readonly id: string;
  readonly combination: string;
  readonly seed: number;
  readonly purpose: 'trial' | 'final';
}

/**
 * Every run that a study asks for, trials first. A trial that is a final run too, should its values be chosen, is in the
 * list as a trial alone where its seed is among both.
 *
 * @param chosen the candidate of a combination whose trials are over
 */
export async function listRuns(
  plan: StudyPlan,
  imagesOf: (run: StudyRun) => Promise<StudyImages | Missing>,
  chosen: (combination: Combination) => Candidate | null = () => null,
): Promise<ListedStudyRun[]> {
  const loads = new Map<object, Workload>();
  const listed = async (
    run: StudyRun,
    purpose: ListedStudyRun['purpose'],
  ): Promise<ListedStudyRun> => {
    const known = loads.get(run.variation);
    const load = known ?? workloadOf(run.plan, await imagesOf(run));
    loads.set(run.variation, load);
    const combination = run.candidate.combination.label;
    return { id: run.id, combination, seed: run.seed, purpose, ...load };
  };
  const trials = plan.combinations.flatMap((combination) => trialsOf(plan, combination));
  const list: ListedStudyRun[] = [];
  for (const run of trials) list.push(await listed(run, 'trial'));
  const bySeed = plan.loaded.study.seeds.map((_, i) => i);
  for (const i of bySeed) {
    for (const combination of plan.combinations) {
      const known = settledCandidate(plan, combination, chosen(combination));
      const candidate = known ?? plan.candidates.get(combination.id)![0]!;
      const run = finalRunsOf(plan, candidate)[i]!;
      if (known && trials.some(({ id }) => id === run.id)) continue;
      const final = await listed(run, 'final');
      list.push(known ? final : { ...final, id: openId(run) });
    }
  }
  return list;
}

/** The only candidate, or the one that the trials chose. */
function settledCandidate(
  { candidates, loaded }: StudyPlan,
  { id }: Combination,
  chosen: Candidate | null,
): Candidate | null {
  return loaded.study.tune ? chosen : candidates.get(id)![0]!;
}

/** `19_relay_lr?_seed1` */
function openId({ candidate, seed }: StudyRun): string {
  const { combination, values } = candidate;
  const keys = Object.keys(values).map((key) => `_${shortKey(key, values)}?`);
  return `${combination.id}${keys.join('')}_seed${seed}`;
}
