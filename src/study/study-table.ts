import { spreadOf } from '../eval/spread.js';
import { version } from '../version.js';
import { type Combination, labelOf } from './combinations.js';
import { compared, pairsOf, type Tested } from './comparisons.js';
import { metricOf } from './metric-values.js';
import type { StudyFolder } from './run-status.js';
import { type Candidate, finalRunsOf, type StudyPlan, type StudyRun } from './study-runs.js';
import { METRICS, type Values } from './study-schema.js';
import { notesOf } from './table-notes.js';
import type { StudyTable, TableCombination, TableTuning } from './table-schema.js';
import type { Tuning } from './tuning.js';
import { workloadOf } from './workload.js';

/**
 * What a study has come to so far, out of the folders of its runs.
 *
 * @param left runs that are not over
 */
export function tableOf(plan: StudyPlan, folder: StudyFolder, left: number): StudyTable {
  const { study } = plan.loaded;
  const { columns } = study.table;
  const tunings = plan.combinations.flatMap((one) => folder.tuning(one) ?? []);
  const tested = new Map<string, Tested>();
  const combinations = plan.combinations.map((combination) => {
    const tuning = tunings.find((one) => one.combination === combination) ?? null;
    const candidate = tuning ? tuning.chosen : plan.candidates.get(combination.id)![0]!;
    const runs = candidate ? finalRunsOf(plan, candidate) : [];
    tested.set(combination.id, testedOf(folder, runs));
    const usual = candidate ?? plan.candidates.get(combination.id)![0]!;
    return combinationOf(folder, { combination, candidate, runs, usual });
  });
  const table = {
    formatVersion: 1 as const,
    relaybp: version,
    name: study.name,
    metric: study.table.metric,
    tuningMetric: study.tune?.metric ?? null,
    part: study.evaluation.test === undefined ? ('validation' as const) : ('test' as const),
    seeds: [...study.seeds],
    axes: study.axes.map(({ name, variants }) => ({
      name,
      variants: variants.map((variant) => ({ name: variant.name, label: labelOf(variant) })),
    })),
    rows: [
      ...(study.table.rows ??
        study.axes.map(({ name }) => name).filter((axis) => !columns.includes(axis))),
    ],
    columns: [...columns],
    combinations,
    comparisons: pairsOf(study, plan.combinations).map((pair) =>
      compared(study, pair, [tested.get(pair.of.id)!, tested.get(pair.to.id)!]),
    ),
    tuning: tunings.map(tableTuning),
    left,
  };
  return { ...table, notes: notesOf(study, table, tunings, jobsOf(plan, folder)) };
}

function testedOf(folder: StudyFolder, runs: readonly StudyRun[]): Tested {
  return new Map(
    runs.flatMap((run) => {
      const evaluation = folder.evaluation(run);
      return evaluation && folder.outcome(run)?.state === 'finished'
        ? [[run.seed, evaluation]]
        : [];
    }),
  );
}

function combinationOf(
  folder: StudyFolder,
  of: {
    combination: Combination;
    candidate: Candidate | null;
    runs: readonly StudyRun[];
    /** Whose cost is told. */
    usual: Candidate;
  },
): TableCombination {
  const { combination, candidate, runs, usual } = of;
  const tested = [...testedOf(folder, runs).values()];
  const ended = runs.flatMap((run) => folder.outcome(run) ?? []);
  const finished = ended.filter(({ state }) => state === 'finished');
  const memory = ended.flatMap(({ peakMemoryMiB }) => peakMemoryMiB ?? []);
  const load = workloadOf(usual.final.plan, { training: null });
  const chosen =
    candidate && Object.keys(candidate.values).length > 0 ? { ...candidate.values } : null;
  return {
    id: combination.id,
    label: combination.label,
    variants: { ...combination.variants },
    chosen,
    runs: runs.map((run) => {
      const outcome = folder.outcome(run);
      const evaluation = folder.evaluation(run);
      return {
        id: run.id,
        seed: run.seed,
        state: outcome?.state ?? 'to do',
        message: outcome?.message ?? null,
        notes: evaluation?.notes ?? [],
        result: evaluation && byMetric((metric) => metricOf(evaluation, metric)),
      };
    }),
    results: byMetric((metric) => spreadOf(tested.map((one) => metricOf(one, metric)))),
    images: tested[0]?.paths.length ?? null,
    cost: {
      stepMultiplyAdds: load.stepMultiplyAdds,
      relativeToStandardBp: load.relativeToStandardBp,
      testMultiplyAdds: load.testMultiplyAdds,
      predictedMemory: load.memory,
      seconds: spreadOf(finished.flatMap(({ seconds }) => seconds ?? [])),
      peakMemoryMiB: memory.length > 0 ? Math.max(...memory) : null,
    },
  };
}

const byMetric = <T>(of: (metric: (typeof METRICS)[number]) => T) =>
  Object.fromEntries(METRICS.map((metric) => [metric, of(metric)])) as Record<
    (typeof METRICS)[number],
    T
  >;

function tableTuning({ combination, tried, over, chosen, edges }: Tuning): TableTuning {
  const all = tried.map(({ candidate }) => candidate.values);
  return {
    combination: combination.id,
    over,
    candidates: tried.map(({ candidate, mean, trials }) => ({
      values: { ...candidate.values },
      mean,
      chosen: candidate === chosen,
      neighbour: chosen !== null && areNeighbours(candidate.values, chosen.values, all),
      trials: trials.map((trial) => ({ ...trial })),
    })),
    edges: edges.map((edge) => ({ ...edge })),
  };
}

/** Whether two differ in one key, by one place in the order of its values: of numbers by size, else as they are listed. */
function areNeighbours(one: Values, other: Values, all: readonly Values[]): boolean {
  const differing = Object.keys(one).filter((key) => one[key] !== other[key]);
  const [key] = differing;
  if (key === undefined || differing.length > 1) return false;
  const values = [...new Set(all.map((each) => each[key]!))];
  if (values.every((value) => typeof value === 'number'))
    values.sort((a, b) => Number(a) - Number(b));
  return Math.abs(values.indexOf(one[key]!) - values.indexOf(other[key]!)) === 1;
}

/** The most runs that went on beside each other. */
function jobsOf(plan: StudyPlan, folder: StudyFolder): number {
  const jobs = plan.combinations.flatMap((combination) =>
    plan.candidates
      .get(combination.id)!
      .flatMap((candidate) => finalRunsOf(plan, candidate))
      .flatMap((run) => folder.outcome(run)?.jobs ?? []),
  );
  return Math.max(1, ...jobs);
}
