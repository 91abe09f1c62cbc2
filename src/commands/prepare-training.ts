import type { ExperimentConfig } from '../config/experiment-schema.js';
import { withAbsolutePaths } from '../config/file-paths.js';
import type { LoadedConfig } from '../config/load.js';
import { openEngine } from '../engine/select.js';
import { ConfigError } from '../errors.js';
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
import {
  acceptedChanges,
  describeChanges,
  mayChangePrecision,
  outdatedBy,
} from '../train/config-changes.js';
import { describeInitialWeights, initialWeights } from '../train/initial-checkpoint.js';
import { describePaceChange, resumedTimeline } from '../train/resumed-timeline.js';
import { checkSchedule } from '../train/schedule.js';
import { endOf, type TrainOptions } from '../train/trainer.js';
import { DEFAULT_ENGINE } from './defaults.js';
import {
  checkClasses,
  checkPrecision,
  isDone,
  nothingDone,
  nothingLeft,
  progressOf,
} from './going-on.js';
import { indexingTo, listening, READING_VALIDATION, STATISTICS } from './hooks.js';
import type { Resumed } from './resume.js';
import { trainingConfig } from './train-config.js';
import {
  FAST,
  type TrainCommandOptions,
  type TrainCommandResult,
  type TrainHooks,
} from './train-options.js';

/** What a training is made of, before anything is written. */
export type PreparedTraining = Pick<
  TrainOptions,
  | 'plan'
  | 'written'
  | 'engine'
  | 'train'
  | 'val'
  | 'normalization'
  | 'timeline'
  | 'progress'
  | 'restore'
  | 'initial'
  | 'maxSteps'
> & {
  readonly config: ExperimentConfig;
  /** Of the checkpoint, where the config is another now. */
  readonly before: ExperimentConfig | null;
  /** For the user, once the run is open. */
  readonly lines: readonly string[];
};

export interface Preparing {
  readonly file: string | LoadedConfig | undefined;
  readonly options: TrainCommandOptions;
  readonly hooks: TrainHooks;
  readonly notice: (line: string) => void;
  readonly resumed: Resumed | null;
  /** How many train together. */
  readonly ranks: number;
}

/** Reads and checks all that a training needs. It talks to no other rank. */
export async function prepareTraining({
  file,
  options,
  hooks,
  notice,
  resumed,
  ranks,
}: Preparing): Promise<PreparedTraining | { readonly nothing: TrainCommandResult }> {
  const { progress: showProgress } = listening(hooks);
  const from = resumed?.from?.checkpoint ?? null;
  const loaded = trainingConfig(file, options, resumed);
  const { config, written } = loaded;
  checkSchedule(loaded);
  const planned = planExperiment(loaded, undefined, ranks);
  checkSeveral(config, ranks);
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
    return { nothing: nothingDone(resumed.run, from.state, totalSteps(plan, timeline)) };
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
  return {
    plan,
    written,
    engine,
    train: images,
    val,
    normalization: normalized,
    timeline,
    progress,
    restore,
    initial: initial?.values ?? null,
    maxSteps,
    config,
    before: changes.length > 0 ? before : null,
    lines,
  };
}

/** An optimizer that begins anew counts its updates from then on. */
function allRested({ layers }: ExperimentPlan, step: number): Record<string, number> {
  const trained = parametersOf([...layers.values()]).filter(({ state }) => !state);
  return Object.fromEntries(trained.map(({ name }) => [name, step]));
}

/** What is done by one process alone. @throws ConfigError */
function checkSeveral({ diagnostics }: ExperimentConfig, ranks: number): void {
  if (ranks === 1) return;
  for (const key of ['gradients', 'signals'] as const) {
    if (diagnostics[key] === undefined) continue;
    throw new ConfigError(
      `diagnostics.${key}: the gradients of each loss are measured by one process alone, not by ${ranks} ranks`,
      `leave it out: --set diagnostics.${key}=null`,
      ['diagnostics', key],
    );
  }
}
