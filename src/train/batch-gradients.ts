import type { Engine } from '../engine/engine.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import { Parameters } from '../model/parameters.js';
import { emptySums, runMicroBatch } from '../relay/step.js';
import { planStep, type StepPlan } from '../relay/step-plan.js';
import type { NamedTensor } from '../safetensors.js';
import { stepParts } from './train-step.js';

/** Images and labels of one batch on the host. */
export interface HostBatch {
  /** `[size, height, width, channels]`, row-major. */
  images: Float32Array;
  labels: Int32Array;
  /** `[size, classes]`, where labels are mixed or smoothed. */
  targets?: Float32Array | null;
}

/**
 * Gradients of a batch at the initial weights, dropout off.
 *
 * @returns tensors named `batch.images`, `batch.labels`, where labels are mixed or smoothed `batch.targets`, of losses
 *   that have them `batch.classWeights/<loss>`, `weight/<parameter>`, `gradient/<parameter>`, `logits/<loss>`, `loss/<loss>`, and with `byLoss` also `gradient-of/<loss>/<parameter>` (weighted, within the
 *   loss's range)
 */
export function batchGradients(
  plan: ExperimentPlan,
  engine: Engine,
  batch: HostBatch,
  byLoss: boolean,
): { tensors: Map<string, NamedTensor>; losses: Record<string, number> } {
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, plan.config.seed);
  const network = new NetworkRuntime(engine, layers, parameters, plan.config.seed);
  const size = batch.labels.length;
  const tensors = new Map<string, NamedTensor>([
    ['batch.images', { shape: [size, ...plan.network.input], values: batch.images }],
    ['batch.labels', { shape: [size], values: Float32Array.from(batch.labels) }],
  ]);
  if (batch.targets) {
    tensors.set('batch.targets', { shape: [size, plan.network.classes], values: batch.targets });
  }
  for (const [loss, weights] of plan.classWeights) {
    const values = Float32Array.from(weights);
    tensors.set(`batch.classWeights/${loss}`, { shape: [values.length], values });
  }
  for (const [name, tensor] of parameters.snapshot()) tensors.set(`weight/${name}`, { ...tensor });
  const run = (step: StepPlan, prefix: string, keepLogits: boolean): Map<string, number> => {
    const sums = microBatches(plan, step, network, batch, (loss, logits) => {
      if (!keepLogits) return;
      const before = tensors.get(`logits/${loss}`)?.values ?? new Float32Array();
      const values = Float32Array.from([...before, ...logits]);
      const shape = [values.length / plan.network.classes, plan.network.classes];
      tensors.set(`logits/${loss}`, { shape, values });
    });
    for (const [name, gradient] of sums.gradients) {
      tensors.set(`${prefix}/${name}`, { shape: gradient.shape, values: engine.read(gradient) });
      engine.dispose(gradient);
    }
    return sums.losses;
  };
  const losses = run(plan.step, 'gradient', true);
  for (const [name, value] of losses) {
    tensors.set(`loss/${name}`, { shape: [], values: Float32Array.of(value) });
  }
  for (const loss of byLoss ? plan.losses : []) {
    run(planStep(plan.trunk, [loss], plan.heads), `gradient-of/${loss.name}`, false);
  }
  parameters.dispose();
  return { tensors, losses: Object.fromEntries(losses) };
}

function microBatches(
  plan: ExperimentPlan,
  step: StepPlan,
  network: NetworkRuntime,
  { images, labels, targets }: HostBatch,
  onLogits: (loss: string, logits: Float32Array) => void,
) {
  const { engine } = network;
  const parts = stepParts(plan, network);
  const sums = emptySums();
  const perImage = images.length / labels.length;
  network.trainWithoutDropout();
  for (let at = 0; at < labels.length; at += plan.microBatch) {
    const part = labels.subarray(at, at + plan.microBatch);
    const pixels = images.subarray(at * perImage, (at + part.length) * perImage);
    const tensor = engine.tensor(pixels, [part.length, ...plan.network.input]);
    const { classes } = plan.network;
    const batch = {
      images: tensor,
      labels: part,
      targets: targets?.subarray(at * classes, (at + part.length) * classes),
      batchSize: labels.length,
    };
    runMicroBatch(step, parts, batch, sums, (loss, logits) => onLogits(loss, engine.read(logits)));
    engine.dispose(tensor);
  }
  return sums;
}
