import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../data/loader/loader.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { TrainingError } from '../errors.js';
import { TopK } from '../eval/topk.js';
import { type ExperimentPlan, microBatchesPerRank } from '../experiment/experiment-plan.js';
import { restingParameters } from '../experiment/moment.js';
import { dominantLabels, softTargets } from '../experiment/targets.js';
import { allFinite } from '../finite.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import type { Gradient } from '../relay/layer.js';
import {
  addGradient,
  emptySums,
  type MicroBatch,
  runMicroBatch,
  type StepParts,
  type StepSums,
} from '../relay/step.js';
import { averageParameters, clipGradients, gradientNorm, updateParameter } from './optimizer.js';
import type { RankStep, StepFacts } from './rank-step.js';
import type { StepProbe } from './step-probe.js';

export interface StepResult {
  /** Mean over the batch by loss, without its weight. */
  losses: Map<string, number>;
  /** The primary head's hits on the batch as it was trained on; of a mixed image, on its dominant label. */
  top: TopK;
  /** Whether a rank is to stop. */
  stop: boolean;
}

/** What a step trains, and with what. */
export interface Trained {
  readonly plan: ExperimentPlan;
  readonly network: NetworkRuntime;
  /** Of the network; changed in place. */
  readonly parameters: Parameters;
  /** Where several ranks train together. */
  readonly ranks?: RankStep | null;
  /** Gives the step's micro-batches, this rank's part of them, one after another. */
  readonly next: () => Promise<Batch>;
}

export interface StepSettings {
  /** Steps done before. */
  readonly step: number;
  readonly lr: number;
  /** Looks on. */
  readonly probe?: StepProbe | undefined;
  /** Whether this rank is to stop after it; default: not. */
  readonly stop?: () => boolean;
}

/**
 * One optimizer step: forward and relay backward over all micro-batches, then the update.
 *
 * Where there is one micro-batch and no norm to clip by, each parameter is updated as soon as its gradient is known,
 * which is then freed; no loss that is not finite has changed anything by then, but an earlier one may have. Otherwise
 * no weight is updated unless every loss is finite, and the gradients' norm where it is to be clipped. In both cases
 * all weights and running statistics must be finite after the update, and those of a step that fails cannot be saved
 * any more; see `Parameters.beginStep`. Where `next` fails, the step is taken back.
 *
 * @throws TrainingError naming step, loss and layers when one of them is not finite
 */
export async function trainStep(
  { plan, network, parameters, next, ranks = null }: Trained,
  { step, lr, probe, stop = () => false }: StepSettings,
): Promise<StepResult> {
  const { engine } = network;
  const { optimizer } = plan.config;
  const sums = emptySums();
  const top = new TopK();
  const at: Step = { plan, engine, parameters, sums, step };
  let broken: ReadonlySet<string> = new Set();
  let stopping = false;
  const update = (gradient: Gradient): void => {
    if (plan.updateAtOnce) probe?.gradient(gradient);
    const own = lr * (plan.lrFactors.get(gradient.parameter) ?? 1);
    updateParameter(engine, optimizer, parameters, gradient, {
      lr: own,
      step: step + 1 - parameters.restedSteps(gradient.parameter),
    });
  };
  const parts = { ...stepParts(plan, network), ...(plan.updateAtOnce ? { update } : {}) };
  const partsOf = (last: boolean): StepParts =>
    ranks && last
      ? { ...parts, take: (gradient) => sendWhole(engine, sums, ranks, gradient) }
      : parts;
  let known = 0;
  const onLogits = (loss: string, logits: Tensor, labels: Int32Array, last: boolean): void => {
    const values = engine.read(logits);
    if (!allFinite(values)) broken = new Set([...broken, loss]);
    if (loss === plan.primary.name) top.add(values, labels);
    if (plan.updateAtOnce) checkFinite(at, { logits: broken });
    if (ranks && last && ++known === plan.losses.length) ranks.losses(sums, top, broken, stop());
  };
  try {
    ranks?.begin(plan);
    const microBatches = microBatchesPerRank(plan);
    for (let i = 0; i < microBatches; i++) {
      const last = i === microBatches - 1;
      const batch = await nextOrBack(next, parameters, ranks);
      if (last) ranks?.hasImages();
      network.train(step, (ranks?.firstMicroBatch ?? 0) + i);
      if (microBatches > 1 || ranks) parameters.beginLongStep();
      else parameters.beginStep();
      const labels = dominantLabels(batch);
      runBatch(plan, engine, batch, [
        (whole) => probe?.microBatch(whole, i),
        (whole) =>
          runMicroBatch(plan.step, partsOf(last), whole, sums, (loss, logits) =>
            onLogits(loss, logits, labels, last),
          ),
      ]);
      await setImmediate(); // the engine blocks the thread: lets signals and the loader's messages in
    }
    if (!plan.updateAtOnce) {
      const { clipNorm } = optimizer;
      if (ranks) {
        ranks.end();
        ({ broken, stop: stopping } = await foundOrBack(ranks, sums, top, parameters));
        checkFinite(at, { logits: broken });
        await ranks.gradients((parameter, value) => {
          if (clipNorm !== undefined) sums.gradients.set(parameter, value);
          else {
            update({ parameter, value });
            engine.dispose(value);
          }
        });
      }
      const norm = clipNorm === undefined ? 0 : gradientNorm(engine, sums.gradients);
      checkFinite(at, { logits: broken, norm });
      for (const [parameter, value] of sums.gradients) probe?.gradient({ parameter, value });
      if (clipNorm !== undefined) clipGradients(engine, sums.gradients, norm, clipNorm);
      for (const [parameter, value] of sums.gradients) update({ parameter, value });
    }
    checkFinite(at, { logits: broken, updated: true });
    if (optimizer.ema !== undefined) {
      averageParameters(engine, parameters, optimizer.ema, step + 1);
    }
    parameters.rest(restingParameters(plan));
    parameters.endStep();
    const losses = new Map(plan.losses.map(({ name }) => [name, sums.losses.get(name)!]));
    return { losses, top, stop: stopping };
  } finally {
    for (const gradient of sums.gradients.values()) engine.dispose(gradient);
  }
}

/** A step whose images cannot be had, which may be its last micro-batch's, has not been begun. */
async function nextOrBack(
  next: () => Promise<Batch>,
  parameters: Parameters,
  ranks: RankStep | null,
): Promise<Batch> {
  try {
    return await next();
  } catch (error) {
    parameters.takeBackStep();
    return (await ranks?.hasNoImages(error)) ?? Promise.reject(error);
  }
}

/** As `nextOrBack`, where it is another rank that cannot have its images. */
async function foundOrBack(
  ranks: RankStep,
  sums: StepSums,
  top: TopK,
  parameters: Parameters,
): Promise<StepFacts> {
  try {
    return await ranks.found(sums, top);
  } catch (error) {
    parameters.takeBackStep();
    throw error;
  }
}

/** The last micro-batch's gradient, with those of the micro-batches before. */
function sendWhole(engine: Engine, sums: StepSums, ranks: RankStep, gradient: Gradient): void {
  const { parameter } = gradient;
  addGradient(engine, sums, gradient);
  const value = sums.gradients.get(parameter)!;
  ranks.gradient({ parameter, value });
  sums.gradients.delete(parameter);
  engine.dispose(value);
}

/** What the plan's step is carried out on. */
export function stepParts(plan: ExperimentPlan, network: NetworkRuntime): StepParts {
  const weights = new Map(plan.losses.map((loss) => [loss.name, loss.weight]));
  return {
    engine: network.engine,
    layer: (name) => network.layer(name),
    weight: (loss) => weights.get(loss)!,
    classWeights: (loss) => plan.classWeights.get(loss),
  };
}

/**
 * Brings a batch into the engine, and does with it one after another what `passes` say.
 *
 * @param batch released afterwards
 */
export function runBatch(
  plan: ExperimentPlan,
  engine: Engine,
  batch: Batch,
  passes: readonly ((whole: MicroBatch) => void)[],
): void {
  const { batchSize, labelSmoothing } = plan.config.training;
  const { labels } = batch;
  const targets = softTargets(batch, plan.network.classes, labelSmoothing);
  const images = engine.tensor(batch.images, [batch.size, ...plan.network.input]);
  try {
    for (const pass of passes) pass({ images, labels, targets, batchSize });
  } finally {
    engine.dispose(images);
    batch.release();
  }
}

/** What a step looks at, for values that are not finite. */
interface Step {
  readonly plan: ExperimentPlan;
  readonly engine: Engine;
  readonly parameters: Parameters;
  readonly sums: StepSums;
  /** Steps done before. */
  readonly step: number;
}

/**
 * A maximum may hide what is no number, so that the loss is finite though maps are not. But a map that is not finite
 * makes the gradient of the weights that it meets, and statistics of it, not finite: looking at all of them once they are
 * changed shows it in the same step.
 *
 * @param logits losses whose heads gave logits that are not finite
 * @throws TrainingError if a loss, logits or the norm are not finite, or `updated` and a weight is not
 */
function checkFinite(
  { plan, engine, parameters, sums, step }: Step,
  found: { logits: ReadonlySet<string>; norm?: number; updated?: boolean },
): void {
  const { logits, norm = 0, updated = false } = found;
  const names = parameters.names();
  const bad = [
    ...[...sums.losses].flatMap(([name, loss]) => {
      if (!Number.isFinite(loss)) return [`the loss "${name}" is ${loss}`];
      return logits.has(name) ? [`the logits of "${name}" are not finite`] : [];
    }),
    ...(Number.isFinite(norm) ? [] : [`the norm of the gradients is ${norm}`]),
    ...(updated && !engine.allFinite(names.map((name) => parameters.value(name)))
      ? ['weights are no longer finite']
      : []),
  ];
  if (bad.length === 0) return;
  const broken = (tensors: readonly (readonly [string, Tensor])[]): string =>
    tensors.flatMap(([name, t]) => (engine.allFinite([t]) ? [] : [name])).join(', ') || 'none';
  throw new TrainingError(
    [
      `step ${step + 1}: ${bad.join(', ')}`,
      ...(plan.updateAtOnce
        ? []
        : [`gradients that are not finite: ${broken([...sums.gradients])}`]),
      `weights that are not finite: ${broken(names.map((name) => [name, parameters.value(name)]))}`,
    ],
    `the last checkpoint is untouched; lower optimizer.lr (now ${plan.config.optimizer.lr}), add schedule.warmup, or check data.mean and data.std`,
  );
}
