import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../data/loader/loader.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { TrainingError } from '../errors.js';
import { TopK } from '../eval/topk.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { restingParameters } from '../experiment/moment.js';
import { dominantLabels, softTargets } from '../experiment/targets.js';
import { allFinite } from '../finite.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import type { Gradient } from '../relay/layer.js';
import {
  emptySums,
  type MicroBatch,
  runMicroBatch,
  type StepParts,
  type StepSums,
} from '../relay/step.js';
import { averageParameters, clipGradients, gradientNorm, updateParameter } from './optimizer.js';
import type { StepProbe } from './step-probe.js';

export interface StepResult {
  /** Mean over the batch by loss, without its weight. */
  losses: Map<string, number>;
  /** The primary head's hits on the batch as it was trained on; of a mixed image, on its dominant label. */
  top: TopK;
}

/** What a step trains, and with what. */
export interface Trained {
  readonly plan: ExperimentPlan;
  readonly network: NetworkRuntime;
  /** Of the network; changed in place. */
  readonly parameters: Parameters;
  /** Gives the step's micro-batches one after another. */
  readonly next: () => Promise<Batch>;
}

export interface StepSettings {
  /** Steps done before. */
  readonly step: number;
  readonly lr: number;
  /** Looks on. */
  readonly probe?: StepProbe | undefined;
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
  { plan, network, parameters, next }: Trained,
  { step, lr, probe }: StepSettings,
): Promise<StepResult> {
  const { engine } = network;
  const { optimizer, training } = plan.config;
  const sums = emptySums();
  const top = new TopK();
  const at: Step = { plan, engine, parameters, sums, step };
  const broken = new Set<string>();
  const update = (gradient: Gradient): void => {
    if (plan.updateAtOnce) probe?.gradient(gradient);
    const own = lr * (plan.lrFactors.get(gradient.parameter) ?? 1);
    updateParameter(engine, optimizer, parameters, gradient, {
      lr: own,
      step: step + 1 - parameters.restedSteps(gradient.parameter),
    });
  };
  const parts = { ...stepParts(plan, network), ...(plan.updateAtOnce ? { update } : {}) };
  const onLogits = (loss: string, logits: Tensor, labels: Int32Array): void => {
    const values = engine.read(logits);
    if (!allFinite(values)) broken.add(loss);
    if (loss === plan.primary.name) top.add(values, labels);
    if (plan.updateAtOnce) checkFinite(at, { logits: broken });
  };
  try {
    const microBatches = training.batchSize / plan.microBatch;
    for (let i = 0; i < microBatches; i++) {
      const batch = await nextOrBack(next, parameters);
      network.train(step, i);
      if (microBatches > 1) parameters.beginLongStep();
      else parameters.beginStep();
      const labels = dominantLabels(batch);
      runBatch(plan, engine, batch, [
        (whole) => probe?.microBatch(whole, i),
        (whole) =>
          runMicroBatch(plan.step, parts, whole, sums, (loss, logits) =>
            onLogits(loss, logits, labels),
          ),
      ]);
      await setImmediate(); // the engine blocks the thread: lets signals and the loader's messages in
    }
    if (!plan.updateAtOnce) {
      const { clipNorm } = optimizer;
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
    return { losses, top };
  } finally {
    for (const gradient of sums.gradients.values()) engine.dispose(gradient);
  }
}

/** A step whose images cannot be had, which may be its last micro-batch's, has not been begun. */
async function nextOrBack(next: () => Promise<Batch>, parameters: Parameters): Promise<Batch> {
  try {
    return await next();
  } catch (error) {
    parameters.takeBackStep();
    throw error;
  }
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
