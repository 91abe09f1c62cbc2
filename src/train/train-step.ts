import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../data/loader.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { TrainingError } from '../errors.js';
import { TopK } from '../eval/topk.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import type { ExperimentPlan } from '../plan/experiment.js';
import { emptySums, runMicroBatch, type StepParts, type StepSums } from '../relay/step.js';
import { averageParameters, clipGradients, gradientNorm, updateParameters } from './optimizer.js';
import type { StepProbe } from './step-probe.js';

export interface StepResult {
  /** Mean over the batch by loss, unweighted. */
  losses: Map<string, number>;
  /** The primary head's hits on the batch as it was trained on. */
  top: TopK;
}

/**
 * One optimizer step: forward and relay backward over all micro-batches, then the update.
 * No weight is updated unless every loss is finite, and the gradients' norm where it is to be clipped.
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
  const sums = emptySums();
  const top = new TopK();
  try {
    for (let i = 0; i < plan.config.training.batchSize / plan.microBatch; i++) {
      const batch = await next();
      network.train(step, i);
      microBatch(plan, network, batch, sums, top, (images) => {
        probe?.microBatch(images, batch.labels, i);
      });
      await setImmediate(); // the engine blocks the thread: lets signals and the loader's messages in
    }
    probe?.gradients(sums.gradients);
    const { engine } = network;
    const { clipNorm, ema } = plan.config.optimizer;
    const norm = clipNorm === undefined ? 0 : gradientNorm(engine, sums.gradients);
    checkFinite(plan, parameters, engine, sums, norm, step);
    if (clipNorm !== undefined) clipGradients(engine, sums.gradients, norm, clipNorm);
    const at = { lr, step: step + 1 };
    updateParameters(engine, plan.config.optimizer, parameters, sums.gradients, at);
    if (ema !== undefined) averageParameters(engine, parameters, ema, at.step);
    const losses = new Map(plan.losses.map(({ name }) => [name, sums.losses.get(name)!]));
    return { losses, top };
  } finally {
    for (const gradient of sums.gradients.values()) network.engine.dispose(gradient);
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
  network: NetworkRuntime,
  batch: Batch,
  sums: StepSums,
  top: TopK,
  after: (images: Tensor) => void,
): void {
  const { engine } = network;
  const images = engine.tensor(batch.images, [batch.size, ...plan.network.input]);
  const parts = stepParts(plan, network);
  const { batchSize } = plan.config.training;
  try {
    runMicroBatch(
      plan.step,
      parts,
      { images, labels: batch.labels, batchSize },
      sums,
      (loss, logits) => {
        if (loss === plan.primary.name) top.add(engine.read(logits), batch.labels);
      },
    );
    after(images);
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
      `gradients that are not finite: ${list(gradients.map(([name]) => name))}`,
      `weights that are not finite: ${list(weights)}`,
    ].join('\n'),
    `the last checkpoint is untouched; lower optimizer.lr (now ${plan.config.optimizer.lr}), add schedule.warmup, or check data.mean and data.std`,
  );
}
