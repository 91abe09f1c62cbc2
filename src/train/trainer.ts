import { hostname } from 'node:os';
import type { Duration } from '../config/duration.js';
import type { WrittenPaths } from '../config/file-paths.js';
import type { ImageIndex } from '../data/index/image-index.js';
import type { Batch, Loader } from '../data/loader/loader.js';
import { gatherFrom, onAll } from '../distributed/agree.js';
import type { Communicator } from '../distributed/communicator.js';
import { single } from '../distributed/single.js';
import { describeEngine, type Engine } from '../engine/engine.js';
import { DataError, TrainingError } from '../errors.js';
import type { Durations } from '../experiment/decays.js';
import { lengthOf, totalSteps } from '../experiment/epochs.js';
import type { ExperimentPlan, PhasePlan } from '../experiment/experiment-plan.js';
import type { Normalization } from '../experiment/input-normalization.js';
import { changesText, changingLosses, phaseAt, planAt } from '../experiment/moment.js';
import type { Timeline } from '../experiment/timeline.js';
import { trainingLoader } from '../experiment/training-loader.js';
import type { GradientRow } from '../run/gradient-row.js';
import type { MetricsRow } from '../run/rows.js';
import type { RunFolder } from '../run/run-folder.js';
import type { SignalRow } from '../run/signal-row.js';
import { messageOf } from '../system-error.js';
import { DataNotices } from './data-notices.js';
import type { StepProgress, TrainEvents } from './events.js';
import { Meter } from './meter.js';
import { advising } from './out-of-memory.js';
import { RankStep } from './rank-step.js';
import { saveCheckpoint } from './save.js';
import { learningRate } from './schedule.js';
import type { SignalMeter } from './signal-meter.js';
import { afterStep, afterValidation, type Standing, type TrainingProgress } from './standing.js';
import { evaluateStep, lossColumns, weightColumns } from './step-evaluation.js';
import { trainStep } from './train-step.js';
import { type BeginningValues, openNetworks, type TrainingNetworks } from './training-networks.js';
import { WatchingNetwork } from './watching-network.js';

export interface TrainOptions extends BeginningValues {
  readonly plan: ExperimentPlan;
  /** How the paths of its config were written. */
  readonly written: WrittenPaths;
  readonly engine: Engine;
  readonly train: ImageIndex;
  readonly val: ImageIndex;
  readonly normalization: Normalization;
  /** Opens the run's folder: asked once, when all else has been accepted. Until then nothing is written. Of rank 0 alone. */
  readonly open: () => RunFolder;
  /** Those that train together; default: this process alone. */
  readonly ranks?: Communicator;
  readonly timeline: Timeline;
  readonly progress: TrainingProgress;
  /** Stop after this step at the latest, with an evaluation and a checkpoint. */
  readonly maxSteps: number | null;
  /** Largest number of validation images; null for all. */
  readonly evaluationLimit: number | null;
  readonly events: TrainEvents;
  /** What measures signals, where `diagnostics.signals` asks for it. */
  readonly signals?: SignalMeter | undefined;
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
  best: TrainingProgress['best'];
}

/** Trains from `progress` to the end. The run folder's checkpoints are whole at every moment. */
export async function runTraining(options: TrainOptions): Promise<TrainResult> {
  const { plan, engine } = options;
  const trainer = await advising(plan, engine, async () => new Trainer(options));
  try {
    return await advising(plan, engine, () => trainer.train());
  } finally {
    await trainer.close();
  }
}

/** The loop: steps, and between them evaluations, checkpoints and rows of the log where they are due. */
class Trainer {
  private readonly networks: TrainingNetworks;
  private readonly loader: Loader;
  private readonly notices: DataNotices;
  private readonly meter: Meter;
  private readonly ranks: Communicator;
  private readonly rankStep: RankStep | null;
  /** A rank is to stop, and all know it. */
  private stopping = false;
  private readonly end: number;
  private standing: Standing;
  /** Whether it was told that scores say nothing. */
  private saidSilent = false;
  /** The step of the newest checkpoint. */
  private saved: number | null;

  constructor(private readonly options: TrainOptions) {
    const { plan, engine, train, normalization, timeline, progress, events } = options;
    this.networks = openNetworks(plan, engine, timeline, options);
    const { ranks = single } = options;
    this.ranks = ranks;
    this.rankStep =
      ranks.size > 1 ? new RankStep(ranks, plan, engine, this.networks.parameters) : null;
    const { rank } = ranks;
    this.loader = trainingLoader(plan, train, normalization, progress.position, { timeline, rank });
    this.notices = new DataNotices(this.loader, events.notice);
    this.meter = new Meter(() => this.loader.waitedMs, ranks);
    this.end = endOf(options);
    this.standing = { progress, evaluated: progress.evaluated, best: progress.best };
    this.saved = options.restore ? progress.step : null;
  }

  async train(): Promise<TrainResult> {
    const { plan, timeline, open } = this.options;
    const run = await onAll(this.ranks, () => (this.ranks.rank === 0 ? open() : null));
    this.announce(run);
    this.meter.reset();
    try {
      await this.steps(run);
    } catch (error) {
      if (error instanceof DataError) this.rescue(run);
      throw error;
    }
    const { progress, evaluated, best } = this.standing;
    if (this.saved !== progress.step) this.save(run, null);
    return {
      run: run?.path ?? '',
      interrupted: progress.step < this.end || evaluated !== progress.step,
      step: progress.step,
      wholeSteps: totalSteps(plan, timeline),
      epoch: this.epoch(),
      best,
    };
  }

  /** Until the end, or a stop. */
  private async steps(run: RunFolder | null): Promise<void> {
    const { checkpoint, evaluation, training } = this.options.plan.config;
    while (!this.stops()) {
      const { step } = this.standing.progress;
      if (!(await this.measureSignals(run))) break; // stopped in the middle of it: measured again by a resumed run
      const evaluateNow = this.due(evaluation.every) && this.standing.evaluated !== step;
      let best: string | null = null;
      if (evaluateNow) {
        const result = await this.meter.pause(() => this.evaluate(run));
        if (!result) break; // stopped in the middle of it: a resumed run evaluates this step again
        best = result.improved ? result.images : null;
      }
      if (best !== null || (this.due(checkpoint.every) && (this.saved !== step || evaluateNow))) {
        await this.meter.pause(async () => this.save(run, best));
      }
      if (step >= this.end) break;
      await this.step(run);
      if (this.due(training.logEvery)) await this.log(run);
    }
  }

  /** Of several ranks by what all of them said in the last step. */
  private stops(): boolean {
    return this.rankStep ? this.stopping : this.options.stop();
  }

  /** Before the first step, and at the end of every interval. @returns false if it was stopped */
  private async measureSignals(run: RunFolder | null): Promise<boolean> {
    const { plan, timeline, signals, events } = this.options;
    const { step } = this.standing.progress;
    const settings = plan.config.diagnostics.signals;
    if (!signals || !settings || !run || run.hasSignals(step)) return true;
    if (step > 0 && !timeline.due(settings.every, step)) return true;
    try {
      const row = await this.meter.pause(() => this.signalsNow(signals, settings.batches));
      if (!row) return false;
      run.appendSignals(row);
    } catch (error) {
      if (!(error instanceof TrainingError)) throw error;
      events.notice(`step ${step}: signals cannot be measured: ${error.message}`);
    }
    return true;
  }

  /** @returns null if it was stopped */
  private async signalsNow(signals: SignalMeter, batches: number): Promise<SignalRow | null> {
    const { plan, engine, stop } = this.options;
    const { parameters } = this.networks;
    const { step, position } = this.standing.progress;
    const layers = [...plan.layers.values()];
    const watching = new WatchingNetwork(engine, layers, parameters, plan.config.seed);
    const stopped = new Error('stopped');
    try {
      const at = { plan: this.planAt(step), step, position, epoch: this.epoch() };
      const onBatch = (): void => {
        if (stop()) throw stopped;
      };
      return await signals({ ...at, network: watching.network, parameters, onBatch }, batches);
    } catch (error) {
      if (error === stopped) return null;
      throw error;
    } finally {
      watching.dispose();
    }
  }

  /** Images end the training: what has been learned from the others until then stays. */
  private rescue(run: RunFolder | null): void {
    const { step } = this.standing.progress;
    const { notice } = this.options.events;
    if (!run || this.saved === step || step === 0) return;
    try {
      this.save(run, null);
      notice(`the last whole step, ${step}, is saved; --resume goes on after it`);
    } catch (error) {
      notice(`the last whole step, ${step}, cannot be saved: ${messageOf(error)}`);
    }
  }

  async close(): Promise<void> {
    await this.loader.close();
    this.networks.dispose();
  }

  private announce(run: RunFolder | null): void {
    const { plan, engine, train, timeline, events } = this.options;
    events.start({
      run: run?.path ?? '',
      step: this.standing.progress.step,
      totalSteps: this.end,
      wholeSteps: totalSteps(plan, timeline),
      epoch: this.epoch(),
      epochs: timeline.epochAt(this.end),
      images: train.count,
      engine: `${engine.info.name} (${describeEngine(engine.info)})`,
      primary: plan.primary.name,
    });
  }

  /** At the end of every interval, and at the end of the training. */
  private due(interval: Duration): boolean {
    const { step } = this.standing.progress;
    return this.options.timeline.due(interval, step) || (step > 0 && step >= this.end);
  }

  private async step(run: RunFolder | null): Promise<void> {
    const { events, stop } = this.options;
    const { network, parameters, diagnostics } = this.networks;
    const { step } = this.standing.progress;
    const plan = this.planAt(step);
    this.announcePhase(step);
    const lr = this.rate(step);
    const probe = diagnostics?.probe(step, plan);
    const next = (): Promise<Batch> => this.nextBatch();
    const trained = { plan, network, parameters, next, ranks: this.rankStep };
    const result = await trainStep(trained, { step, lr, probe, stop });
    this.stopping ||= result.stop;
    this.meter.add(result);
    this.standing = afterStep(this.standing, plan.config.training.batchSize);
    if (probe) {
      this.recordGradients(run, probe.row(this.epoch()));
      this.meter.exclude(probe.milliseconds);
    }
    this.notices.afterStep();
    events.step({ ...this.position(lr), ...this.rates() });
  }

  /** Tells of a phase that begins with a step. */
  private announcePhase(step: number): void {
    if (step === 0) return;
    const { plan, events } = this.options;
    const at = (when: number): PhasePlan => phaseAt(plan, when, this.durations());
    const [before, now] = [at(step - 1), at(step)];
    if (before === now) return;
    events.notice(`from step ${step + 1} on: ${changesText(plan, before, now)}`);
  }

  private async nextBatch(): Promise<Batch> {
    const batch = await this.loader.next();
    if (!batch) throw new Error('the training data ended');
    return batch;
  }

  private async log(run: RunFolder | null): Promise<void> {
    const last = this.standing.progress.step - 1;
    const lr = this.rate(last);
    const weights = this.weights(last);
    const row = { ...this.position(lr), ...this.rates(), weights };
    const { step, epoch, losses, top1, top5, imagesPerSecond, dataWait, rankWait } = row;
    this.record(run, {
      kind: 'train',
      step,
      epoch,
      lr,
      ...weightColumns(weights),
      ...lossColumns(losses),
      top1,
      top5,
      imagesPerSecond: Number(imagesPerSecond.toFixed(2)),
      dataWait: Number(dataWait.toFixed(4)),
      ...(this.ranks.size > 1 ? { rankWait: Number(rankWait.toFixed(4)) } : {}),
    });
    this.options.events.logged({ ...row, ...(await this.ratesByRank(row)) });
    this.meter.reset();
  }

  private async ratesByRank({ dataWait, rankWait }: Pick<StepProgress, 'dataWait' | 'rankWait'>) {
    if (this.ranks.size === 1) return {};
    const own = { rank: this.ranks.rank, host: hostname(), dataWait, rankWait };
    return { ranks: await gatherFrom(this.ranks, () => own) };
  }

  /** @returns null if it was stopped */
  private async evaluate(
    run: RunFolder | null,
  ): Promise<{ improved: boolean; images: string } | null> {
    this.notices.beforeEvaluation();
    const { val, normalization, evaluationLimit: limit, events, stop } = this.options;
    const at = { step: this.standing.progress.step, epoch: this.epoch() };
    const plan = this.planAt(Math.max(0, at.step - 1)); // the losses of the last step
    const evaluation = await evaluateStep(
      this.networks,
      {
        plan,
        images: val,
        preprocessing: normalization.preprocessing,
        limit,
        ranks: this.ranks,
        onBatch: (done, total) => events.evaluating(done, total),
        onNotice: events.notice,
        stop,
      },
      at,
    );
    if (!evaluation) return this.stoppedInside();
    const { heads, result, row, images, silent, seconds } = evaluation;
    this.record(run, row);
    this.sayOnce(silent, at.step);
    const { schedule, evaluation: settings } = plan.config;
    const { standing, improved } = afterValidation(this.standing, result, {
      counts: this.countsNow(),
      schedule,
      metric: settings.metric,
      warming: at.step <= this.options.timeline.stepAt(schedule.warmup),
    });
    this.standing = standing;
    events.evaluated(at.step, at.epoch, heads, seconds, improved);
    return { improved, images };
  }

  private stoppedInside(): null {
    this.stopping = true;
    return null;
  }

  /** That scores say nothing is said once: it mostly stays so. */
  private sayOnce(silent: readonly string[], step: number): void {
    if (silent.length > 0 && !this.saidSilent) {
      for (const line of silent) this.options.events.notice(`evaluation of step ${step}: ${line}`);
    }
    this.saidSilent ||= silent.length > 0;
  }

  /** Whether the uninterrupted training would be evaluated now, too. */
  private countsNow(): boolean {
    const { plan, timeline } = this.options;
    const { step } = this.standing.progress;
    return timeline.due(plan.config.evaluation.every, step) || step >= totalSteps(plan, timeline);
  }

  private save(run: RunFolder | null, best: string | null): void {
    if (run) this.write(run, best);
    this.saved = this.standing.progress.step;
  }

  private write(run: RunFolder, best: string | null): void {
    const { plan, engine, train, timeline, normalization, written, events } = this.options;
    const { progress } = this.standing;
    const state = {
      ...progress,
      epoch: this.epoch(),
      paces: [...timeline.paces],
      rested: this.rested(),
      classes: [...train.classes],
      written,
    };
    const { parameters } = this.networks;
    const saved = { plan, engine, parameters, normalization, state };
    const path = saveCheckpoint(run, saved, best);
    events.checkpoint(path);
  }

  private rested(): Record<string, number> {
    const { parameters } = this.networks;
    const steps = parameters.names().map((name) => [name, parameters.restedSteps(name)] as const);
    return Object.fromEntries(steps.filter(([, count]) => count > 0));
  }

  private record(run: RunFolder | null, row: MetricsRow): void {
    run?.append(row);
    this.options.events.metrics(row);
  }

  private recordGradients(run: RunFolder | null, row: GradientRow): void {
    run?.appendGradients(row);
    this.options.events.gradients(row);
  }

  private rate(step: number): number {
    const { schedule, optimizer } = this.options.plan.config;
    const { schedule: state } = this.standing.progress;
    return learningRate(schedule, optimizer.lr, step, this.durations(), state);
  }

  /** The plan of a step. */
  private planAt(step: number): ExperimentPlan {
    return planAt(this.options.plan, step, this.durations());
  }

  /** Of the losses whose weight changes, in a step. */
  private weights(step: number): Map<string, number> {
    const { losses } = this.planAt(step);
    const weight = (name: string): number => losses.find((loss) => loss.name === name)?.weight ?? 0;
    return new Map(changingLosses(this.options.plan).map((name) => [name, weight(name)]));
  }

  private durations(): Durations {
    const { plan, timeline } = this.options;
    return { timeline, length: lengthOf(plan) };
  }

  private position(lr: number) {
    const { step } = this.standing.progress;
    return { step, totalSteps: this.end, epoch: this.epoch(), lr };
  }

  private rates() {
    const { losses, ...rates } = this.meter.read();
    return { ...rates, losses, loss: losses.get(this.options.plan.primary.name) ?? 0 };
  }

  private epoch(): number {
    return Number(this.options.timeline.epochAt(this.standing.progress.step).toFixed(4));
  }
}
