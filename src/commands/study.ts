import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { locateNative } from '../engine/locate.js';
import { type EngineChoice, openEngine } from '../engine/select.js';
import { DataError } from '../errors.js';
import { indexCache } from '../experiment/data-cache.js';
import { memoryPlan } from '../experiment/step-memory.js';
import { sizeText } from '../quantities.js';
import { agendaOf, type Task } from '../study/agenda.js';
import { changedRuns, settleChanges } from '../study/changed-runs.js';
import { removeUnkept, settleRemoved } from '../study/kept-weights.js';
import { loadStudy } from '../study/load-study.js';
import type { Outcome } from '../study/outcome.js';
import { type Part, parsePart, WHOLE } from '../study/parts.js';
import { ProgressWriter } from '../study/progress-file.js';
import { StudyFolder } from '../study/run-status.js';
import { StudyData, type StudyImages } from '../study/study-data.js';
import { type RunnerResult, type StudyProgress, StudyRunner } from '../study/study-runner.js';
import { planStudy, possibleRuns, type StudyPlan, type StudyRun } from '../study/study-runs.js';
import { writeState } from '../study/study-state.js';
import type { StudyTable } from '../study/table-schema.js';
import { Work } from '../study/work.js';
import { writeTable } from '../study/write-table.js';
import { DEFAULT_ENGINE, STUDY_DEFAULTS } from './defaults.js';
import { type Hooks, indexingTo, listening } from './hooks.js';
import { launchJob } from './launch-job.js';
import { type EngineOptions, withDefaults } from './options.js';

export interface StudyOptions extends EngineOptions {
  /** The study's folder; default `studies/<name>`. */
  out?: string;
  /** Runs at once. */
  jobs?: number;
  /** `2/4`: the share of the runs that is done here. */
  part?: string;
  /** Waits for trials of other parts. */
  wait?: boolean;
  /** Runs what has failed once more. */
  retry?: boolean;
  /** Runs anew what was trained with another config. */
  redo?: boolean;
  /** Runs nothing: only the table of what there is. */
  table?: boolean;
  /** What was typed, for the runs' sessions. */
  command?: string | null;
}

export interface StudyHooks extends Hooks {
  readonly study?: (progress: StudyProgress) => void;
  readonly ended?: (run: StudyRun, outcome: Outcome) => void;
}

export interface StudyResult {
  /** The study's folder. */
  readonly folder: string;
  readonly interrupted: boolean;
  /** Of what there is. */
  readonly table: StudyTable;
  /** Runs that are not over, of all parts, and those of them that wait here for others. */
  readonly left: number;
  readonly waiting: number;
  readonly failed: readonly string[];
  readonly untested: readonly string[];
}

/** `relaybp study`: does what is left of a study. */
export async function studyCommand(
  file: string,
  options: StudyOptions = {},
  hooks: StudyHooks = {},
): Promise<StudyResult> {
  const { signal } = hooks;
  signal?.throwIfAborted();
  const plan = planStudy(loadStudy(file));
  const given = withDefaults(options, STUDY_DEFAULTS);
  const path = given.out ?? join('studies', plan.loaded.study.name);
  const folder = new StudyFolder(path, plan);
  const runs = possibleRuns(plan);
  settleChanges(folder, changedRuns(folder, runs), given.redo);
  const part = given.part === undefined ? WHOLE : parsePart(given.part);
  if (given.table) {
    const agenda = agendaOf(plan, folder, part);
    return resultOf(plan, folder, { agenda, interrupted: false, untested: [] });
  }
  const images = await openImages(runs, hooks);
  checkTest(plan);
  const engine = given.engine ?? DEFAULT_ENGINE;
  const { open, done, left } = agendaOf(plan, folder, part);
  settleRemoved(folder, open, given.redo);
  removeUnkept(plan, folder, done); // what a kill has left
  checkMemory(plan, given.jobs, hooks);
  if (engine === 'native' && !locateNative()) await openEngine(engine); // says what to do
  writeState(plan, folder);
  writeTable(plan, folder, left); // who watches it finds it
  const told = new ProgressWriter(path, part);
  const runner = new StudyRunner({
    plan,
    folder,
    work: new Work(plan, images),
    jobs: given.jobs,
    part,
    wait: given.wait,
    retry: given.retry,
    events: eventsOf(plan, folder, part, {
      ...hooks,
      study: (progress) => {
        told.at(progress);
        hooks.study?.(progress);
      },
    }),
    launch: launcher(plan, folder, { ...given, engine }, hooks),
  });
  try {
    return resultOf(plan, folder, await runner.run(signal));
  } finally {
    told.close();
  }
}

function resultOf(plan: StudyPlan, folder: StudyFolder, result: RunnerResult): StudyResult {
  const { agenda, interrupted, untested } = result;
  writeState(plan, folder);
  return {
    folder: folder.path,
    interrupted,
    table: writeTable(plan, folder, agenda.left),
    left: agenda.left,
    waiting: agenda.waiting.length + agenda.unsettled,
    failed: agenda.failed.map(({ id }) => id),
    untested: untested.map(({ run }) => run.id),
  };
}

/** Of all runs, before the first of them. @throws DataError if they are not there */
async function openImages(
  runs: readonly StudyRun[],
  hooks: Hooks,
): Promise<(run: StudyRun) => StudyImages> {
  const { notice, progress } = listening(hooks);
  const cache = indexCache({ onNotice: notice, onProgress: indexingTo(progress) });
  const data = new StudyData(cache, notice);
  const found = new Map<object, StudyImages>();
  for (const { variation } of runs) {
    if (!found.has(variation)) found.set(variation, await data.open(variation.loaded.config.data));
  }
  return ({ variation }) => found.get(variation)!;
}

/** Says so where that many runs at once may need more memory than there is. */
function checkMemory({ candidates }: StudyPlan, jobs: number, { notice }: Hooks): void {
  const plans = [...candidates.values()].flatMap((all) => all.map(({ final }) => final.plan));
  const needed = jobs * Math.max(...plans.map((one) => memoryPlan(one).peak));
  if (needed <= totalmem()) return;
  notice?.(
    `${jobs === 1 ? 'a run needs' : `${jobs} runs at once need`} up to ${sizeText(needed)} by the plan, and this machine has ${sizeText(totalmem())}`,
  );
}

/** @throws DataError if the images of the table are not there */
function checkTest({ loaded }: StudyPlan): void {
  const { test } = loaded.study.evaluation;
  if (test === undefined || existsSync(test) || /[{*]/.test(test)) return; // shards are named when they are opened
  throw new DataError(
    `${loaded.locate(['evaluation', 'test'])}: evaluation.test: ${test}: no such file or folder`,
    'paths of images are relative to where relaybp is run',
  );
}

function eventsOf(plan: StudyPlan, folder: StudyFolder, part: Part, hooks: StudyHooks) {
  const { notice } = listening(hooks);
  return {
    progress: (progress: StudyProgress) => hooks.study?.(progress),
    ended: (run: StudyRun, outcome: Outcome) => {
      const { done, left } = agendaOf(plan, folder, part);
      removeUnkept(plan, folder, done);
      writeState(plan, folder);
      writeTable(plan, folder, left);
      hooks.ended?.(run, outcome);
    },
    notice,
  };
}

/** Starts tasks in processes of their own; what several of them say is told once. */
function launcher(
  { loaded }: StudyPlan,
  folder: StudyFolder,
  { engine, jobs, command = null }: StudyOptions & { engine: EngineChoice; jobs: number },
  hooks: Hooks,
) {
  const { notice } = listening(hooks);
  const said = new Set<string>();
  const once = (line: string): void => {
    if (!said.has(line)) notice(line);
    said.add(line);
  };
  const { evaluation } = loaded.study;
  return ({ run, tested }: Task, step: (step: number, steps: number) => void) =>
    launchJob(
      {
        run: folder.at(run),
        config: run.loaded.config,
        engine,
        protocol: tested ? evaluation : null,
        command,
        jobs,
      },
      { step, notice: once },
    );
}
