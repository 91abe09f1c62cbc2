import { join } from 'node:path';
import { pino } from 'pino';
import {
  type CheckpointState,
  findCheckpoint,
  readOptionalTensors,
  readState,
  readTensors,
  removeStaleFiles,
  rewind,
  runOf,
} from '../checkpoint/checkpoint.js';
import { type LoadedConfig, loadConfig, parseConfig, printConfig } from '../config/load.js';
import type { Precision } from '../engine/engine.js';
import { openEngine } from '../engine/select.js';
import { CheckpointError, ConfigError } from '../errors.js';
import { planExperiment } from '../plan/experiment.js';
import type { Terminal } from '../terminal/train-view.js';
import { trainView } from '../terminal/train-view.js';
import { normalization, openImages, openTrainingImages, readNormalization } from '../train/data.js';
import {
  logPath,
  newestRun,
  newRunPath,
  RunFolder,
  readMetrics,
  writeSummary,
} from '../train/run-folder.js';
import { TensorBoard } from '../train/tensorboard.js';
import { beginning, type TrainResult, train } from '../train/trainer.js';
import { type ConfigOptions, cacheDir, type EngineOptions } from './options.js';

export interface TrainCommandOptions extends ConfigOptions, EngineOptions {
  out?: string;
  /** `last`, `best`, or the path of a run or a checkpoint. */
  resume?: string;
  /** Resume in another precision than the checkpoint's. */
  changePrecision: boolean;
  maxSteps?: number;
  fastDevRun: boolean;
}

/** A few steps, a little evaluation, one checkpoint: does everything work? */
const FAST = { steps: 3, images: 64 };

/** `relaybp train`. `stop` is asked between steps. */
export async function trainCommand(
  file: string | undefined,
  options: TrainCommandOptions,
  terminal: Terminal,
  stop: () => boolean,
): Promise<TrainResult & { run: string }> {
  const from = options.resume === undefined ? null : resumeFrom(options.resume, file, options);
  const loaded = configOf(file, options, from);
  const plan = planExperiment(loaded);
  const { config } = plan;
  const view = trainView(terminal);
  const images = openTrainingImages(config.data, view.notice);
  if (from) checkClasses(from, images.classes);
  const val = openImages(config.data.root, config.data.val, images.classes, view.notice);
  const { precision } = config;
  const engine = await openEngine(options.engine, { precision, onNotice: view.notice });
  if (from && !options.changePrecision) checkPrecision(from, engine.info.precision);
  const normalized = from
    ? readNormalization(config.data, readTensors(from.path, 'normalization'), from.path)
    : await normalization(config.data, images, cacheDir(), view.notice);
  const restore = from
    ? {
        weights: readTensors(from.path, 'weights'),
        optimizer: readTensors(from.path, 'optimizer'),
        ema: readOptionalTensors(from.path, 'ema') ?? undefined,
      }
    : null;
  const losses = plan.losses.map((loss) => loss.name);
  const text = printConfig(config);
  const run = from
    ? RunFolder.resume(from.run, text, losses, from.state)
    : RunFolder.create(options.out ?? newRunPath(config.name, new Date()), text, losses);
  if (from) rewind(from.run, from.path, from.state);
  if (config.logging.tensorboard) {
    run.watcher = new TensorBoard(run.path, from?.state ?? null, text);
  }
  view.setLog(pino({ base: null }, pino.destination({ dest: logPath(run.path), sync: true })));
  try {
    const result = await train({
      plan,
      engine,
      train: images,
      val,
      normalization: normalized,
      run,
      progress: from ? from.state : beginning(),
      restore,
      maxSteps: options.fastDevRun ? FAST.steps : (options.maxSteps ?? null),
      evaluationLimit: options.fastDevRun ? FAST.images : null,
      events: view,
      stop,
    });
    writeSummary(run.path, {
      name: config.name,
      step: result.step,
      interrupted: result.interrupted,
      final: readMetrics(run.path).findLast((row) => row.kind === 'val') ?? null,
      best: result.best,
      peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    });
    return { ...result, run: run.path };
  } finally {
    view.end();
  }
}

interface ResumePoint {
  run: string;
  path: string;
  state: CheckpointState;
}

function resumeFrom(
  which: string,
  file: string | undefined,
  options: TrainCommandOptions,
): ResumePoint {
  const byName = which === 'last' || which === 'best';
  const name = file ? loadConfig(file, options.set).config.name : undefined;
  const run = options.out ?? newestRun(name);
  if (run !== undefined) removeStaleFiles(run);
  if (!byName && options.out !== undefined) {
    throw new ConfigError(
      `--resume ${which} goes on in its own run folder; --out ${options.out} cannot be given as well`,
      `--resume ${which}, or --resume last --out ${options.out}`,
    );
  }
  if (byName && run === undefined) {
    throw new CheckpointError(
      `--resume ${which}: no run${name ? ` of "${name}"` : ''} with a checkpoint under runs/`,
      'give the run folder: --resume <run>, or --out <run>',
    );
  }
  if (!byName) removeStaleFiles(which);
  const path = byName ? findCheckpoint(run!, which) : findCheckpoint(which);
  return { run: runOf(path), path, state: readState(path) };
}

/** The config given, else the one in the checkpoint; with the overrides. */
function configOf(
  file: string | undefined,
  options: TrainCommandOptions,
  from: ResumePoint | null,
): LoadedConfig {
  if (file) return loadConfig(file, options.set);
  if (!from) {
    throw new ConfigError(
      'train needs a config file',
      'relaybp train <config.yaml>, or --resume <run>',
    );
  }
  const label = join(from.path, 'state.json');
  return parseConfig(printConfig(from.state.config), label, options.set);
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
