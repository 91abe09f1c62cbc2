import { withAbsolutePaths } from '../config/file-paths.js';
import type { LoadedConfig } from '../config/load.js';
import type { Metric } from '../config/metric.js';
import { printConfig } from '../config/print.js';
import { openEngine } from '../engine/select.js';
import { classWeightsOf, describeClassWeights } from '../experiment/class-factors.js';
import { cacheDir, indexCache } from '../experiment/data-cache.js';
import { beginningTimeline, paceSize, totalSteps } from '../experiment/epochs.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { openTrainingImages, openValidationImages } from '../experiment/images.js';
import {
  imageStatistics,
  normalization,
  readNormalization,
} from '../experiment/input-normalization.js';
import { checkTrainingData } from '../experiment/run-data.js';
import { checkUndecodable } from '../experiment/undecodable.js';
import { parametersOf } from '../model/network-plan.js';
import type { BestEvaluation } from '../run/best-evaluation.js';
import { type MetricsRow, readMetrics } from '../run/rows.js';
import { type RunFolder, writeSummary } from '../run/run-folder.js';
import {
  acceptedChanges,
  type ChangeOptions,
  describeChanges,
  mayChangePrecision,
  outdatedBy,
} from '../train/config-changes.js';
import { type TrainEvents, together } from '../train/events.js';
import { describeInitialWeights, initialWeights } from '../train/initial-checkpoint.js';
import { describePaceChange, resumedTimeline } from '../train/resumed-timeline.js';
import { checkSchedule } from '../train/schedule.js';
import { TensorBoard } from '../train/tensorboard.js';
import { TrainLog } from '../train/train-log.js';
import { endOf, runTraining, type TrainResult } from '../train/trainer.js';
import { DEFAULT_ENGINE } from './defaults.js';
import {
  checkClasses,
  checkPrecision,
  isDone,
  nothingDone,
  nothingLeft,
  progressOf,
} from './going-on.js';
import { type Hooks, indexingTo, listening, READING_VALIDATION, STATISTICS } from './hooks.js';
import { openRun } from './open-run.js';
import type { ConfigOptions, EngineOptions } from './options.js';
import { resumeRun } from './resume.js';
import { trainingConfig } from './train-config.js';

export interface TrainCommandOptions extends ConfigOptions, EngineOptions, ChangeOptions {
  /** Run folder; `runs/<name>-<date>` unless given. */
  out?: string;
  /** Go on with a run: `last`, `best`, or the path of a run or a checkpoint. */
  resume?: string;
  /** Stop after this step. */
  maxSteps?: number;
  /** Three steps, a small evaluation, one checkpoint. */
  fastDevRun?: boolean;
  /** Make the index of the images anew, whatever is kept. */
  rebuildIndex?: boolean;
  /** What was typed, for the run's sessions; default: nothing was. */
  command?: string | null;
}

export interface TrainHooks extends Hooks {
  /** Told of what happens while it trains; `notice` has the same lines as that of all commands. */
  readonly events?: Partial<TrainEvents>;
}

export interface TrainCommandResult extends Omit<TrainResult, 'best'> {
  /** Done this time; none where nothing was left to do. */
  steps: number;
  /** Spent on it this time. */
  seconds: number;
  best: BestEvaluation | null;
  /** What it is the best by. */
  metric: Metric;
}

/** A few steps, a little evaluation, one checkpoint: does everything work? */
const FAST = { steps: 3, images: 64 };

/**
 * `relaybp train`: trains the network of a config.
 *
 * @param file the path of a YAML file, or a config from `loadConfig` or `parseConfig`; with `resume` it may be left out
 *   for the one in the checkpoint
 * @throws the signal's reason if it is aborted before the start; RelaybpError for what a user can mend
 */
export async function trainCommand(
  file: string | LoadedConfig | undefined,
  options: TrainCommandOptions = {},
  hooks: TrainHooks = {},
): Promise<TrainCommandResult> {
  const began = performance.now();
  const { progress: showProgress, signal } = listening(hooks);
  signal?.throwIfAborted();
  const log = new TrainLog();
  const user = together([{ notice: hooks.notice }, hooks.events ?? {}]);
  const told = together([user, log]);
  const { notice } = told;
  const resumed = resumeRun(file, options, notice);
  let lock = resumed?.lock;
  try {
    const from = resumed?.from?.checkpoint ?? null;
    const loaded = trainingConfig(file, options, resumed);
    const { config, written } = loaded;
    checkSchedule(loaded);
    const planned = planExperiment(loaded);
    const before = from ? withAbsolutePaths(from.state.config) : null;
    const changes = from && before ? acceptedChanges(from, before, planned, options) : [];
    if (resumed) checkTrainingData(config, resumed.run);
    const cache = indexCache({
      rebuild: options.rebuildIndex,
      onNotice: notice,
      onProgress: indexingTo(showProgress),
    });
    const begin = config.initialCheckpoint;
    const initial = begin && !from ? initialWeights(planned, begin) : null; // a resumed run has its weights
    const trained = from?.state.classes ?? initial?.classes ?? undefined;
    const images = await openTrainingImages(config.data, notice, cache, trained);
    if (from) checkClasses(from, images.classes);
    const plan = { ...planned, classWeights: classWeightsOf(loaded, images) };
    const val = await openValidationImages(config.data, images.classes, notice, cache);
    const timeline = from
      ? resumedTimeline(from.state, paceSize(plan, images))
      : beginningTimeline(plan, images);
    const maxSteps = options.fastDevRun ? FAST.steps : (options.maxSteps ?? null);
    const end = endOf({ plan, timeline, maxSteps });
    if (from && resumed && isDone(resumed.run, from.state, end)) {
      notice(nothingLeft(resumed.run, from.state, end, plan, timeline));
      return nothingDone(resumed.run, from.state, totalSteps(plan, timeline));
    }
    const { precision, convolution } = config;
    const asked = { precision, convolution, onNotice: notice };
    const engine = await openEngine(options.engine ?? DEFAULT_ENGINE, asked);
    if (from && !mayChangePrecision(options)) checkPrecision(from, engine.info.precision);
    const outdated = outdatedBy(changes);
    const normalized =
      from && !outdated.normalization
        ? readNormalization(config.data, from.tensors('normalization'), from.path)
        : await normalization(config.data, images, {
            cacheDir: cacheDir(),
            onNotice: notice,
            onProgress: (done, total) => showProgress({ what: STATISTICS, done, total }),
            onStatistics: async (statistics) => {
              checkUndecodable('training', config.data, images, statistics, notice);
              const onProgress = (done: number, total: number): void =>
                showProgress({ what: READING_VALIDATION, done, total });
              const read = imageStatistics(config.data, val, cacheDir(), notice, onProgress);
              checkUndecodable('validation', config.data, val, (await read).statistics, notice);
            },
          });
    const restore = from
      ? {
          weights: from.tensors('weights'),
          optimizer: outdated.optimizer ? new Map() : from.tensors('optimizer'),
          rested: outdated.optimizer ? allRested(plan, from.state.step) : from.state.rested,
          ema: from.has('ema') ? from.tensors('ema') : undefined,
        }
      : null;
    const progress = progressOf(from, outdated);
    const pace = from ? describePaceChange(timeline, progress.step) : null;
    const lines = [
      ...describeChanges(changes),
      ...(pace === null ? [] : [pace]),
      ...describeClassWeights(plan.classWeights, config.losses, images.classes),
      ...(initial ? describeInitialWeights(initial, normalized.preprocessing) : []),
    ];
    const open = (): RunFolder => {
      const { out, command = null } = options;
      const run = openRun({
        resumed,
        plan,
        written,
        progress,
        out,
        command,
        before: changes.length > 0 ? before : null,
        engine: engine.info,
        onLock: (made) => {
          lock = made;
        },
      });
      log.open(run.path, user.notice);
      for (const line of lines) notice(line);
      return run;
    };
    const watchers = [
      told,
      ...(config.logging.tensorboard
        ? [new TensorBoard(from ? progress : null, printConfig(config, written))]
        : []),
    ];
    const result = await runTraining({
      plan,
      written,
      engine,
      train: images,
      val,
      normalization: normalized,
      open,
      timeline,
      progress,
      restore,
      initial: initial?.values ?? null,
      maxSteps,
      evaluationLimit: options.fastDevRun ? FAST.images : null,
      events: together(watchers),
      stop: () => signal?.aborted ?? false,
    });
    const evaluations = readMetrics(result.run).filter((row) => row.kind === 'val');
    const best = result.best && withTop5(result.best, evaluations);
    writeSummary(result.run, {
      name: config.name,
      step: result.step,
      interrupted: result.interrupted,
      final: evaluations.at(-1) ?? null,
      best,
      peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    });
    log.ended(result.step, result.interrupted);
    const seconds = (performance.now() - began) / 1000;
    const steps = result.step - progress.step;
    return { ...result, best, metric: config.evaluation.metric, steps, seconds };
  } finally {
    lock?.release();
  }
}

/** An optimizer that begins anew counts its updates from then on. */
function allRested({ layers }: ExperimentPlan, step: number): Record<string, number> {
  const trained = parametersOf([...layers.values()]).filter(({ state }) => !state);
  return Object.fromEntries(trained.map(({ name }) => [name, step]));
}

/** Earlier versions kept no top-5 in checkpoints. */
function withTop5(
  { step, top1, top5 }: NonNullable<TrainResult['best']>,
  evaluations: readonly MetricsRow[],
): BestEvaluation {
  const known = top5 ?? evaluations.findLast((row) => row.step === step)?.top5;
  return { step, top1, top5: typeof known === 'number' ? known : null };
}
