import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../data/loader.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { TrainingError } from '../errors.js';
import { TopK } from '../eval/topk.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import type { ExperimentPlan } from '../plan/experiment.js';
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
import { dominantLabels, softTargets } from './targets.js';

export interface StepResult {
  /** Mean over the batch by loss, unweighted. */
  losses: Map<string, number>;
  /** The primary head's hits on the batch as it was trained on; of a mixed image, on its dominant label. */
  top: TopK;
}

/**
 * One optimizer step: forward and relay backward over all micro-batches, then the update.
 *
 * Where there is one micro-batch and no norm to clip by, each parameter is updated as soon as its gradient is known,
 * which is then freed; no loss that is not finite has changed anything by then, but an earlier one may have. Otherwise
 * no weight is updated unless every loss is finite, and the gradients' norm where it is to be clipped. In both cases
 * the weights of a step that fails cannot be saved any more; see `Parameters.beginStep`.
 *
 * @param next gives the step's micro-batches one after another
 * @param step steps done before
 * @param probe looks on
 * @throws TrainingError naming step, loss and layers when one of them is not finite
 */
export async function trainStep(
  plan: ExperimentPlan,
  network: NetworkRuntime,
  parameters: Parameters,
  next: () => Promise<Batch>,
  step: number,
  lr: number,
  probe?: StepProbe,
): Promise<StepResult> {
  const { engine } = network;
  const { optimizer, training } = plan.config;
  const sums = emptySums();
  const top = new TopK();
  const update = (gradient: Gradient): void => {
    if (plan.updateAtOnce) probe?.gradient(gradient);
    updateParameter(engine, optimizer, parameters, gradient, { lr, step: step + 1 });
  };
  const parts = { ...stepParts(plan, network), ...(plan.updateAtOnce ? { update } : {}) };
  const onLogits = (loss: string, logits: Tensor, labels: Int32Array): void => {
    if (loss === plan.primary.name) top.add(engine.read(logits), labels);
    if (plan.updateAtOnce) checkFinite(plan, parameters, engine, sums, 0, step);
  };
  try {
    for (let i = 0; i < training.batchSize / plan.microBatch; i++) {
      const batch = await next();
      network.train(step, i);
      parameters.beginStep();
      microBatch(plan, parts, batch, sums, onLogits, (whole) => probe?.microBatch(whole, i));
      await setImmediate(); // the engine blocks the thread: lets signals and the loader's messages in
    }
    if (!plan.updateAtOnce) {
      const { clipNorm } = optimizer;
      const norm = clipNorm === undefined ? 0 : gradientNorm(engine, sums.gradients);
      checkFinite(plan, parameters, engine, sums, norm, step);
      for (const [parameter, value] of sums.gradients) probe?.gradient({ parameter, value });
      if (clipNorm !== undefined) clipGradients(engine, sums.gradients, norm, clipNorm);
      for (const [parameter, value] of sums.gradients) update({ parameter, value });
    }
    if (optimizer.ema !== undefined) {
      averageParameters(engine, parameters, optimizer.ema, step + 1);
    }
    parameters.endStep();
    const losses = new Map(plan.losses.map(({ name }) => [name, sums.losses.get(name)!]));
    return { losses, top };
  } finally {
    for (const gradient of sums.gradients.values()) engine.dispose(gradient);
  }
}

/** What the plan's step is carried out on. */
export function stepParts(plan: ExperimentPlan, network: NetworkRuntime): StepParts {
  const weights = new Map(plan.losses.map((loss) => [loss.name, loss.weight]));
  return {
    engine: network.engine,
    layer: (name) => network.layer(name),
    weight: (loss) => weights.get(loss)!,
  };
}

function microBatch(
  plan: ExperimentPlan,
  parts: StepParts,
  batch: Batch,
  sums: StepSums,
  onLogits: (loss: string, logits: Tensor, labels: Int32Array) => void,
  before: (batch: MicroBatch) => void,
): void {
  const { engine } = parts;
  const { batchSize, labelSmoothing } = plan.config.training;
  const { labels } = batch;
  const targets = softTargets(batch, plan.network.classes, labelSmoothing);
  const dominant = dominantLabels(batch);
  const images = engine.tensor(batch.images, [batch.size, ...plan.network.input]);
  try {
    const whole = { images, labels, targets, batchSize };
    before(whole);
    runMicroBatch(plan.step, parts, whole, sums, (loss, logits) => {
      onLogits(loss, logits, dominant);
    });
  } finally {
    engine.dispose(images);
    batch.release();
  }
}

function checkFinite(
  plan: ExperimentPlan,
  parameters: Parameters,
  engine: Engine,
  sums: StepSums,
  norm: number,
  step: number,
): void {
  const losses = [...sums.losses].map(([name, loss]) => [`loss "${name}"`, loss] as const);
  const checked = [...losses, ['norm of the gradients', norm] as const];
  const bad = checked.filter(([, value]) => !Number.isFinite(value));
  if (bad.length === 0) return;
  const finite = (values: Float32Array): boolean => values.every(Number.isFinite);
  const gradients = [...sums.gradients].filter(([, g]) => !finite(engine.read(g)));
  const weights = parameters.names().filter((name) => !finite(engine.read(parameters.value(name))));
  const list = (names: string[]): string => (names.length > 0 ? names.join(', ') : 'none');
  throw new TrainingError(
    [
      `step ${step + 1}: the ${bad.map(([what, value]) => `${what} is ${value}`).join(', the ')}`,
      ...(plan.updateAtOnce
        ? []
        : [`gradients that are not finite: ${list(gradients.map(([name]) => name))}`]),
      `weights that are not finite: ${list(weights)}`,
    ].join('\n'),
    `the last checkpoint is untouched; lower optimizer.lr (now ${plan.config.optimizer.lr}), add schedule.warmup, or check data.mean and data.std`,
  );
}
