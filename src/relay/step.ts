import type { Engine, Tensor } from '../engine/engine.js';
import { weightedTargets } from './class-weights.js';
import type { Gradient, GradientSink, Layer, Pass } from './layer.js';
import type { Action, Backward, StepPlan } from './step-plan.js';

/** The parts that a step plan is carried out on. */
export interface StepParts {
  readonly engine: Engine;
  layer(name: string): Layer;
  weight(loss: string): number;
  /** How much each class counts in the loss, `[classes]`; undefined where all count alike. */
  classWeights?(loss: string): Float64Array | undefined;
  /**
   * Changes a parameter by its gradient, which it borrows, as soon as that is known. Without it gradients add up in
   * `StepSums`, and never come in rows. Only for a step of one micro-batch.
   */
  update?(gradient: Gradient): void;
  /** In place of sums, of a plan whose losses stay apart: a gradient of one of them, borrowed. */
  gradientOf?(loss: string, gradient: Gradient): void;
  /** Takes this micro-batch's gradients, which it borrows, in place of `StepSums`; never in rows. */
  take?(gradient: Gradient): void;
}

/** One micro-batch of a step. */
export interface MicroBatch {
  /** `[size, height, width, channels]`, borrowed. */
  readonly images: Tensor;
  /** `[size]`, class indices; -1 does not count. */
  readonly labels: Int32Array;
  /** `[size, classes]`: shares of the classes that are aimed at in place of the labels; a row of zeros does not count. */
  readonly targets?: Float32Array | null;
  /** Images in the whole batch: losses and gradients are means over it. */
  readonly batchSize: number;
}

/** Sums over the micro-batches of one step. Whoever makes it disposes of the gradients. */
export interface StepSums {
  /** By parameter name. */
  readonly gradients: Map<string, Tensor>;
  /** Mean loss over the batch, without the loss's own weight, by loss name. */
  readonly losses: Map<string, number>;
}

export function emptySums(): StepSums {
  return { gradients: new Map(), losses: new Map() };
}

/**
 * Carries out one micro-batch of the plan, action by action, and adds what it finds to `sums`.
 *
 * @param onLogits called at each loss with the head's logits `[size, classes]`, borrowed
 */
export function runMicroBatch(
  plan: StepPlan,
  parts: StepParts,
  batch: MicroBatch,
  sums: StepSums,
  onLogits?: (loss: string, logits: Tensor) => void,
): void {
  const { engine } = parts;
  const outputs = new Map<string, Tensor>([['input', engine.retain(batch.images)]]);
  /** The output of each layer when it first ran, perhaps disposed of. */
  const firstOutputs = new Map<string, Tensor>();
  const passes = new Map<string, Pass>();
  const signals = new Map<string, Tensor>();
  const sinkOf = ({ signals: [signal], more = false }: Backward): GradientSink => ({
    inRows: parts.update !== undefined,
    more,
    take(gradient) {
      if (parts.gradientOf) parts.gradientOf(signal!, gradient);
      else if (parts.update) parts.update(gradient);
      else if (parts.take) parts.take(gradient);
      else addGradient(engine, sums, gradient);
    },
  });

  const perform = (action: Action): void => {
    switch (action.do) {
      case 'forward': {
        const { y, pass } = parts.layer(action.layer).forward(get(outputs, action.from));
        outputs.set(action.layer, y);
        firstOutputs.set(action.layer, y);
        passes.set(action.layer, pass);
        return;
      }
      case 'recompute': {
        let x = engine.retain(get(outputs, action.from));
        try {
          for (const layer of action.layers) {
            const { y, pass } = parts.layer(layer).forward(x, true);
            passes.set(layer, pass);
            engine.dispose(x);
            x = y;
            engine.computedAgain?.(y, get(firstOutputs, layer));
          }
        } finally {
          engine.dispose(x);
        }
        return;
      }
      case 'loss': {
        const logits = get(outputs, action.logits);
        const scale = parts.weight(action.loss) / batch.batchSize;
        const weights = parts.classWeights?.(action.loss);
        const plain = batch.targets ?? batch.labels;
        const { targets, factors } = weights
          ? weightedTargets(plain, weights)
          : { targets: plain, factors: null };
        const scales = factors?.map((factor) => factor * scale) ?? scale;
        const { losses, gradient } = engine.softmaxCrossEntropy(logits, targets, scales);
        const sum = losses.reduce((total, value, i) => total + value * (factors?.[i] ?? 1), 0);
        const mean = sum / batch.batchSize;
        sums.losses.set(action.loss, (sums.losses.get(action.loss) ?? 0) + mean);
        signals.set(action.loss, gradient);
        onLogits?.(action.loss, logits);
        return;
      }
      case 'backward':
      case 'early': {
        const arriving = action.signals.map((name) => take(signals, name));
        const gradients = action.do === 'early' ? 'later' : sinkOf(action);
        const pass = get(passes, action.layer);
        const inputs = pass.backward(arriving, action.carry, action.parameters ? gradients : null);
        inputs.forEach((input, i) => {
          if (input) signals.set(action.signals[i]!, input);
        });
        return;
      }
      case 'join': {
        const present = signals.get(action.into);
        if (present) {
          signals.set(action.into, engine.add([present, get(signals, action.signal)]));
          engine.dispose(present);
          engine.dispose(take(signals, action.signal));
        } else signals.set(action.into, take(signals, action.signal));
        return;
      }
      case 'free':
        if ('output' in action) engine.dispose(take(outputs, action.output));
        else take(passes, action.saved).release();
    }
  };

  try {
    for (const action of plan.microBatch) perform(action);
  } finally {
    for (const tensor of [...outputs.values(), ...signals.values()]) engine.dispose(tensor);
    for (const pass of passes.values()) pass.release();
  }
}

export function addGradient(engine: Engine, sums: StepSums, { parameter, value }: Gradient): void {
  const sum = sums.gradients.get(parameter);
  if (sum) engine.accumulate(sum, value);
  else sums.gradients.set(parameter, engine.retain(value));
}

function get<T>(map: Map<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`the step plan uses "${name}" before it is made`);
  return value;
}

function take<T>(map: Map<string, T>, name: string): T {
  const value = get(map, name);
  map.delete(name);
  return value;
}
