import { collectGarbage } from '../collect-garbage.js';
import type { Duration } from '../config/duration.js';
import type { WrittenPaths } from '../config/file-paths.js';
import { changedNotice } from '../data/index/file-changes.js';
import type { ImageIndex } from '../data/index/image-index.js';
import type { Batch, Loader } from '../data/loader/loader.js';
import { describeEngine, type Engine } from '../engine/engine.js';
import { TrainingError } from '../errors.js';
import { lengthOf, totalSteps } from '../experiment/epochs.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { type Normalization, normalizationTensors } from '../experiment/normalization.js';
import type { Timeline } from '../experiment/timeline.js';
import { trainingLoader } from '../experiment/training-loader.js';
import { allFinite } from '../finite.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import { Parameters } from '../model/parameters.js';
import { type CheckpointTensors, writeCheckpoint } from '../run/checkpoint.js';
import type { CheckpointState } from '../run/checkpoint-state.js';
import type { MetricsRow } from '../run/rows.js';
import { pointTo, pruneCheckpoints } from '../run/run-checkpoints.js';
import { type RunFolder, writeResults } from '../run/run-folder.js';
import type { NamedTensor } from '../safetensors.js';
import { version } from '../version.js';
import type { TrainEvents } from './events.js';
import { type GradientDiagnostics, gradientDiagnostics } from './gradient-diagnostics.js';
import { Meter } from './meter.js';
import { optimizerTensors, restoreOptimizer } from './optimizer-state.js';
import { advising } from './out-of-memory.js';
import { afterEvaluation, initialScheduleState, learningRate } from './schedule.js';
import { trainStep } from './train-step.js';
import { validate } from './validation.js';

/** Where a training stands; all of it is in a checkpoint. */
export type Progress = Pick<
  CheckpointState,
  'step' | 'position' | 'evaluated' | 'schedule' | 'best'
>;

export const beginning = (): Progress => ({
  step: 0,
  position: 0,
  evaluated: 0,
  schedule: initialScheduleState(),
  best: null,
});

export interface TrainOptions {
  readonly plan: ExperimentPlan;
  /** How the paths of its config were written. */
  readonly written: WrittenPaths;
  readonly engine: Engine;
  readonly train: ImageIndex;
  readonly val: ImageIndex;
  readonly normalization: Normalization;
  /** Opens the run's folder: asked once, when all else has been accepted. Until then nothing is written. */
  readonly open: () => RunFolder;
  readonly timeline: Timeline;
  readonly progress: Progress;
  /** What to go on from; a moving average that is missing begins anew. */
  readonly restore: Omit<CheckpointTensors, 'normalization'> | null;
  /** Values to begin with instead of those drawn from the seed; emptied once they are taken over. */
  readonly initial: Map<string, NamedTensor> | null;
  /** Stop after this step at the latest, with an evaluation and a checkpoint. */
  readonly maxSteps: number | null;
  /** Largest number of validation images; null for all. */
  readonly evaluationLimit: number | null;
  readonly events: TrainEvents;
  /** Asked between steps: true ends the training with a checkpoint of the last whole step. */
  readonly stop: () => boolean;
}

/** The last step, unless it is stopped before. */
export function endOf({
  plan,
  timeline,
  maxSteps,
}: Pick<TrainOptions, 'plan' | 'timeline' | 'maxSteps'>): number {
  return Math.min(totalSteps(plan, timeline), maxSteps ?? Number.POSITIVE_INFINITY);
}

export interface TrainResult {
  /** The run's folder. */
  run: string;
  interrupted: boolean;
  step: number;
  /** Steps of the whole training: more than `step` also where `maxSteps` has ended it. */
  wholeSteps: number;
  epoch: number;
  best: Progress['best'];
}

/** Trains from `progress` to the end. The run folder's checkpoints are whole at every moment. */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { plan, engine } = options;
  const trainer = await advising(plan, engine, async () => new Trainer(options));
  try {
    return await advising(plan, engine, () => trainer.train());
  } finally {
    await trainer.close();
  }
}

class Trainer {
  private readonly parameters: Parameters;
  private readonly network: NetworkRuntime;
  /** The same network with the moving average of its weights. */
  private readonly averaged: NetworkRuntime | null;
  private readonly diagnostics: GradientDiagnostics | null;
  private readonly loader: Loader;
  private readonly end: number;
  private readonly meter: Meter;
  /** What goes on: an evaluation that only a stop brings about does not count in it. */
  private progress: Progress;
  /** The step of the last evaluation, and the best one, whether they count or not. */
  private evaluated: number;
  private best: Progress['best'];
  private run!: RunFolder;
  private reported = 0;
  /** Files that have changed since the index was made, as far as that was said. */
  private changed = 0;
  /** Of the last evaluation, image by image. */
  private results = '';

  constructor(private readonly options: TrainOptions) {
    const { plan, engine, train, normalization, timeline, progress, restore, initial } = options;
    const { config } = plan;
    const layers = [...plan.layers.values()];
    const drawn = initial ? { seed: config.seed, given: initial } : config.seed;
    this.parameters = new Parameters(engine, layers, restore?.weights ?? drawn);
    initial?.clear();
    if (restore) this.restoreSlots(restore);
    collectGarbage();
    this.network = new NetworkRuntime(engine, layers, this.parameters, config.seed);
    const average = { value: (name: string) => this.parameters.slot('ema', name) };
    this.averaged = config.optimizer.ema ? new NetworkRuntime(engine, layers, average, 0) : null;
    this.diagnostics = gradientDiagnostics(plan, this.network, this.parameters, timeline);
    this.end = endOf(options);
    this.progress = progress;
    this.evaluated = progress.evaluated;
    this.best = progress.best;
    this.loader = trainingLoader(plan, train, normalization, progress.position, { timeline });
    this.meter = new Meter(() => this.loader.waitedMs);
  }

  async train(): Promise<TrainResult> {
    const { plan, engine, train, timeline, events, open } = this.options;
    const { checkpoint, evaluation: evaluating, training } = plan.config;
    this.run = open();
    events.start({
      run: this.run.path,
      step: this.progress.step,
      totalSteps: this.end,
      wholeSteps: totalSteps(plan, timeline),
      epoch: this.epoch(),
      epochs: timeline.epochAt(this.end),
      images: train.count,
      engine: `${engine.info.name} (${describeEngine(engine.info)})`,
      primary: plan.primary.name,
    });
    let saved: number | null = this.options.restore ? this.progress.step : null;
    this.meter.reset();
    while (!this.options.stop()) {
      const { step } = this.progress;
      const evaluateNow = this.due(evaluating.every) && this.evaluated !== step;
      let improved = false;
      if (evaluateNow) {
        const result = await this.meter.pause(() => this.evaluate());
        if (!result) break; // stopped in the middle of it: a resumed run evaluates this step again
        improved = result.improved;
      }
      if (improved || (this.due(checkpoint.every) && (saved !== step || evaluateNow))) {
        await this.meter.pause(async () => this.save(improved));
        saved = step;
      }
      if (step >= this.end) break;
      await this.step();
      if (this.due(training.logEvery)) this.log();
    }
    if (saved !== this.progress.step) this.save(false);
    const { step } = this.progress;
    const interrupted = step < this.end || this.evaluated !== step;
    const wholeSteps = totalSteps(plan, timeline);
    const { run, best } = this;
    return { run: run.path, interrupted, step, wholeSteps, epoch: this.epoch(), best };
  }

  async close(): Promise<void> {
    await this.loader.close();
    this.diagnostics?.dispose();
    this.parameters.dispose();
  }

  private restoreSlots({ optimizer, ema }: NonNullable<TrainOptions['restore']>): void {
    const { config } = this.options.plan;
    restoreOptimizer(config.optimizer, this.parameters, optimizer);
    if (ema && config.optimizer.ema) this.parameters.restoreSlot('ema', ema);
  }

  /** At the end of every interval, and at the end of the training. */
  private due(interval: Duration): boolean {
    const { step } = this.progress;
    return this.options.timeline.due(interval, step) || (step > 0 && step >= this.end);
  }

  /** Whether the uninterrupted training would be evaluated now, too. */
  private countsNow(): boolean {
    const { plan, timeline } = this.options;
    const { step } = this.progress;
    return timeline.due(plan.config.evaluation.every, step) || step >= totalSteps(plan, timeline);
  }

  private rate(step: number): number {
    const { plan, timeline } = this.options;
    const { schedule, optimizer } = plan.config;
    const durations = { timeline, length: lengthOf(plan) };
    return learningRate(schedule, optimizer.lr, step, durations, this.progress.schedule);
  }

  private async step(): Promise<void> {
    const { plan, events } = this.options;
    const { step } = this.progress;
    const { config } = plan;
    const lr = this.rate(step);
    const next = async (): Promise<Batch> => {
      const batch = await this.loader.next();
      if (!batch) throw new Error('the training data ended');
      return batch;
    };
    const probe = this.diagnostics?.probe(step);
    const result = await trainStep(plan, this.network, this.parameters, next, step, lr, probe);
    this.meter.add(result);
    const position = this.progress.position + config.training.batchSize;
    this.progress = { ...this.progress, step: step + 1, position };
    if (probe) {
      this.run.appendGradients(probe.row(this.epoch()));
      this.meter.exclude(probe.milliseconds);
    }
    this.reportSkipped();
    events.step({ ...this.position(lr), ...this.rates() });
  }

  private position(lr: number) {
    const { step } = this.progress;
    return { step, totalSteps: this.end, epoch: this.epoch(), lr };
  }

  private rates() {
    const { losses, top5, ...rates } = this.meter.read();
    return { ...rates, top5, losses, loss: losses.get(this.options.plan.primary.name) ?? 0 };
  }

  private epoch(): number {
    return Number(this.options.timeline.epochAt(this.progress.step).toFixed(4));
  }

  private log(): void {
    const lr = this.rate(this.progress.step - 1);
    const row = { ...this.position(lr), ...this.rates() };
    this.run.append({
      kind: 'train',
      step: row.step,
      epoch: row.epoch,
      lr,
      ...prefixed(row.losses),
      top1: row.top1,
      top5: row.top5,
      imagesPerSecond: Number(row.imagesPerSecond.toFixed(2)),
      dataWait: Number(row.dataWait.toFixed(4)),
    });
    this.options.events.logged(row);
    this.meter.reset();
  }

  /** @returns null if it was stopped */
  private async evaluate(): Promise<{ improved: boolean } | null> {
    this.reportChanged();
    const { plan, val, normalization, events, stop } = this.options;
    const { config } = plan;
    const options = {
      plan,
      images: val,
      preprocessing: normalization.preprocessing,
      limit: this.options.evaluationLimit,
      onBatch: (done: number, total: number): void => events.evaluating(done, total),
      onNotice: events.notice,
      stop,
    };
    const evaluation = await validate(this.network, options);
    this.results = evaluation?.results ?? '';
    const average = this.averaged && evaluation && (await validate(this.averaged, options));
    if (!evaluation || (this.averaged && !average)) return null;
    const result = evaluation.heads.get(plan.primary.name)!;
    const losses = new Map([...evaluation.heads].map(([name, head]) => [name, head.loss]));
    checkLosses(losses, this.progress.step);
    const { step } = this.progress;
    const { images, top1, top5, top1_err, top5_err } = result;
    const row: MetricsRow = {
      kind: 'val',
      step,
      epoch: this.epoch(),
      ...prefixed(losses),
      images,
      top1,
      top5,
      top1_err,
      top5_err,
    };
    if (average) {
      const { top1, top5 } = average.heads.get(plan.primary.name)!;
      Object.assign(row, { top1_ema: top1, top5_ema: top5 });
    }
    this.run.append(row);
    const isBetter = (best: Progress['best']): boolean => best === null || top1 > best.top1;
    const improved = isBetter(this.best);
    if (improved) this.best = { top1, step };
    this.evaluated = step;
    if (this.countsNow()) {
      const { schedule, best } = this.progress;
      this.progress = {
        ...this.progress,
        evaluated: step,
        schedule: afterEvaluation(config.schedule, schedule, top1_err),
        best: isBetter(best) ? { top1, step } : best,
      };
    }
    const heads = new Map([[plan.primary.name, result], ...evaluation.heads]);
    events.evaluated(step, this.epoch(), heads, evaluation.seconds, improved);
    return { improved };
  }

  private save(best: boolean): void {
    const { run } = this;
    const { plan, engine, train, timeline, events } = this.options;
    const { config } = plan;
    const { name, library, device, precision } = engine.info;
    const state: CheckpointState = {
      formatVersion: 1,
      relaybp: version,
      ...this.progress,
      epoch: this.epoch(),
      paces: [...timeline.paces],
      seed: config.seed,
      classes: [...train.classes],
      engine: { name, library, device, precision },
      config,
      written: this.options.written,
    };
    const { step } = this.progress;
    const ema = config.optimizer.ema ? this.parameters.snapshotSlot('ema') : undefined;
    const path = writeCheckpoint(run.path, state, {
      weights: checked('weight', this.parameters.snapshot(), step),
      optimizer: checked('state', optimizerTensors(config.optimizer, this.parameters), step),
      ema: ema && checked('average', ema, step),
      normalization: normalizationTensors(this.options.normalization),
    });
    run.keepConfig();
    pointTo(run.path, 'last', path);
    if (best) writeResults(path, this.results);
    if (best) pointTo(run.path, 'best', path);
    const counting = this.progress.best;
    pruneCheckpoints(run.path, config.checkpoint.keep, counting ? [`step-${counting.step}`] : []);
    events.checkpoint(path);
  }

  private reportSkipped(): void {
    for (const { path, reason } of this.loader.skipped.slice(this.reported)) {
      this.options.events.notice(
        `skipped, another image of its class takes its place: ${path}: ${reason}`,
      );
    }
    this.reported = this.loader.skipped.length;
    if (this.changed === 0) this.reportChanged();
  }

  /** At once for the first file, then once an evaluation. */
  private reportChanged(): void {
    const { count, first } = this.loader.changed;
    if (count === this.changed) return;
    this.changed = count;
    this.options.events.notice(changedNotice(count, first!));
  }
}

const DIVERGED =
  'no checkpoint was written, earlier ones are untouched; lower optimizer.lr, add schedule.warmup, or check data.mean and data.std';

/** @throws TrainingError if a validation loss is not finite */
function checkLosses(losses: ReadonlyMap<string, number>, step: number): void {
  const bad = [...losses].filter(([, loss]) => !Number.isFinite(loss));
  if (bad.length === 0) return;
  const list = bad.map(([name, loss]) => `"${name}" is ${loss}`).join(', ');
  throw new TrainingError(`step ${step}: the validation loss ${list}`, DIVERGED);
}

const KINDS = {
  weight: 'the weight',
  state: "the optimizer's state",
  average: 'the moving average of',
} as const;

/** The tensors, which throw when their values are read and not finite: they must not take the place of good ones. */
function checked(
  kind: keyof typeof KINDS,
  tensors: ReadonlyMap<string, NamedTensor>,
  step: number,
): Map<string, NamedTensor> {
  const finite = (name: string, tensor: NamedTensor): NamedTensor => ({
    shape: tensor.shape,
    get values() {
      const { values } = tensor;
      if (allFinite(values)) return values;
      throw new TrainingError(`step ${step}: ${KINDS[kind]} ${name} is not finite`, DIVERGED);
    },
  });
  return new Map([...tensors].map(([name, tensor]) => [name, finite(name, tensor)]));
}

function prefixed(losses: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...losses].map(([name, loss]) => [`loss.${name}`, loss]));
}
