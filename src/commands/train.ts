import { join } from 'node:path';
import { readOptionalTensors, readTensors } from '../checkpoint/checkpoint.js';
import { rewind } from '../checkpoint/tidy.js';
import { type LoadedConfig, loadConfig, parseConfig, printConfig } from '../config/load.js';
import { IndexCache } from '../data/index-cache.js';
import type { Precision } from '../engine/engine.js';
import { openEngine } from '../engine/select.js';
import { CheckpointError, ConfigError } from '../errors.js';
import { planExperiment } from '../plan/experiment.js';
import { duringImages, indexingView, STATISTICS } from '../terminal/progress.js';
import { openLog } from '../terminal/run-log.js';
import type { Terminal } from '../terminal/terminal.js';
import { trainView } from '../terminal/train-view.js';
import {
  normalization,
  openTrainingImages,
  openValidationImages,
  readNormalization,
} from '../train/data.js';
import { both, type TrainEvents } from '../train/events.js';
import { describeInitialWeights, initialWeights } from '../train/initial-checkpoint.js';
import {
  type MetricsRow,
  newRun,
  RunFolder,
  readMetrics,
  writeSummary,
} from '../train/run-folder.js';
import { checkSchedule } from '../train/schedule.js';
import { addSession } from '../train/sessions.js';
import { TensorBoard } from '../train/tensorboard.js';
import { beginning, type TrainResult, train } from '../train/trainer.js';
import { type ConfigOptions, cacheDir, type EngineOptions } from './options.js';
import { type Resumed, type ResumePoint, resumeRun } from './resume.js';

export interface TrainCommandOptions extends ConfigOptions, EngineOptions {
  out?: string;
  /** `last`, `best`, or the path of a run or a checkpoint. */
  resume?: string;
  /** Resume in another precision than the checkpoint's. */
  changePrecision: boolean;
  maxSteps?: number;
  fastDevRun: boolean;
  /** Make the index of the images anew, whatever is kept. */
  rebuildIndex?: boolean;
  /** What was typed, for the run's sessions; null where nothing was. */
  command: string | null;
  /** Told of everything besides the terminal. */
  events?: Partial<TrainEvents>;
}

export interface TrainCommandResult extends TrainResult {
  /** The run folder. */
  run: string;
  /** Spent on it this time. */
  seconds: number;
  /** Percent; `top5` is null where the run's metrics have been removed. */
  best: { step: number; top1: number; top5: number | null } | null;
}

/** A few steps, a little evaluation, one checkpoint: does everything work? */
const FAST = { steps: 3, images: 64 };

/** `relaybp train`. `stop` is asked between steps. */
export async function trainCommand(
  file: string | LoadedConfig | undefined,
  options: TrainCommandOptions,
  terminal: Terminal,
  stop: () => boolean,
): Promise<TrainCommandResult> {
  const began = performance.now();
  const view = trainView(terminal, { trial: options.fastDevRun });
  const resumed = resumeRun(file, options, view.notice);
  let lock = resumed?.lock;
  try {
    const from = resumed?.from ?? null;
    const loaded = configOf(file, options, resumed);
    checkSchedule(loaded);
    const plan = planExperiment(loaded);
    const { config } = plan;
    const progress = indexingView(terminal);
    const cache = new IndexCache({
      folder: cacheDir(),
      rebuild: options.rebuildIndex,
      onNotice: view.notice,
      onProgress: progress.update,
    });
    const begin = config.initialCheckpoint;
    const initial = begin && !from ? initialWeights(plan, begin) : null; // a resumed run has its weights
    const trained = from?.state.classes ?? initial?.classes ?? undefined;
    const images = await progress.during(() =>
      openTrainingImages(config.data, view.notice, cache, trained),
    );
    if (from) checkClasses(from, images.classes);
    const val = await progress.during(() =>
      openValidationImages(config.data, images.classes, view.notice, cache),
    );
    const { precision } = config;
    const engine = await openEngine(options.engine, { precision, onNotice: view.notice });
    if (from && !options.changePrecision) checkPrecision(from, engine.info.precision);
    const normalized = from
      ? readNormalization(config.data, readTensors(from.path, 'normalization'), from.path)
      : await duringImages(terminal, STATISTICS, (onProgress) =>
          normalization(config.data, images, cacheDir(), view.notice, onProgress),
        );
    const restore = from
      ? {
          weights: readTensors(from.path, 'weights'),
          optimizer: readTensors(from.path, 'optimizer'),
          ema: readOptionalTensors(from.path, 'ema') ?? undefined,
        }
      : null;
    const started = resumed ? { path: resumed.run, lock: resumed.lock } : null;
    const { path, lock: held } = started ?? newRun(options.out, config.name, new Date());
    lock = held;
    if (from) rewind(path, from.path, from.state);
    const losses = plan.losses.map((loss) => loss.name);
    const text = printConfig(config);
    const run = from
      ? RunFolder.resume(path, text, losses, from.state)
      : RunFolder.create(path, text, losses);
    if (config.logging.tensorboard) {
      run.watcher = new TensorBoard(run.path, from?.state ?? null, text);
    }
    const { command } = options;
    addSession(run.path, { step: from?.state.step ?? 0, command, engine: engine.info });
    view.setLog(openLog(run.path, view.notice));
    if (initial) {
      for (const line of describeInitialWeights(initial, normalized.preprocessing))
        view.notice(line);
    }
    const result = await train({
      plan,
      engine,
      train: images,
      val,
      normalization: normalized,
      run,
      progress: from ? from.state : beginning(),
      restore,
      initial: initial?.values ?? null,
      maxSteps: options.fastDevRun ? FAST.steps : (options.maxSteps ?? null),
      evaluationLimit: options.fastDevRun ? FAST.images : null,
      events: options.events ? both(view, options.events) : view,
      stop,
    });
    const evaluations = readMetrics(run.path).filter((row) => row.kind === 'val');
    const best = result.best && withTop5(result.best, evaluations);
    writeSummary(run.path, {
      name: config.name,
      step: result.step,
      interrupted: result.interrupted,
      final: evaluations.at(-1) ?? null,
      best,
      peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    });
    const seconds = (performance.now() - began) / 1000;
    return { ...result, best, run: run.path, seconds };
  } finally {
    view.end();
    lock?.release();
  }
}

/** The config given, else the one in the checkpoint, else that of a run without one; with the overrides. */
function configOf(
  file: string | LoadedConfig | undefined,
  options: TrainCommandOptions,
  resumed: Resumed | null,
): LoadedConfig {
  if (typeof file === 'object') return file;
  if (file) return loadConfig(file, options.set);
  if (!resumed) {
    throw new ConfigError(
      'train needs a config file',
      'relaybp train <config.yaml>, or --resume <run>',
    );
  }
  const { run, from } = resumed;
  if (!from) return loadConfig(join(run, 'config.yaml'), options.set);
  const label = join(from.path, 'state.json');
  return parseConfig(printConfig(from.state.config), label, options.set);
}

function withTop5(
  best: NonNullable<TrainResult['best']>,
  evaluations: readonly MetricsRow[],
): NonNullable<TrainCommandResult['best']> {
  const top5 = evaluations.findLast(({ step }) => step === best.step)?.top5;
  return { ...best, top5: typeof top5 === 'number' ? top5 : null };
}

function checkPrecision({ state, path }: ResumePoint, now: Precision): void {
  const { precision } = state.engine;
  if (precision === now) return;
  throw new CheckpointError(
    `${path}: was trained in ${precision}, and would go on in ${now}`,
    `--set precision=${precision} goes on as before, --change-precision in ${now}`,
  );
}

function checkClasses({ state, path }: ResumePoint, classes: readonly string[]): void {
  if (state.classes.join('\0') === classes.join('\0')) return;
  const gone = state.classes.filter((name) => !classes.includes(name));
  const added = classes.filter((name) => !state.classes.includes(name));
  throw new CheckpointError(
    `${path}: trained on other classes than the data have now: gone: ${gone.slice(0, 5).join(', ') || 'none'}; new: ${added.slice(0, 5).join(', ') || 'none'}`,
    'point data.root to the data that the run was trained on',
  );
}
