/** Slopes of losses, computed in float64 by central differences. */

import type { ExperimentPlan } from '../../src/experiment/experiment-plan.js';
import { Random } from '../../src/random.js';
import { emptySums } from '../../src/relay/step.js';
import type { StepPlan } from '../../src/relay/step-plan.js';
import type { NamedTensor } from '../../src/safetensors.js';
import { softmaxCrossEntropy } from '../engine/reference.js';
import { Float64Engine, values } from './float64-engine.js';
import { type Batch, norm, runPart, withNetwork } from './harness.js';

/** Step along a direction of length 1: the curvature's share is about STEP^2, rounding's about 1e-16 / STEP. */
const STEP = 1e-5;
/** Slopes at STEP and STEP / 2 agree to this, relative to the gradient, unless a kink lies between. */
const SMOOTH = 1e-7;
const DRAWS = 5;

/** One batch through one network. */
export interface Setting {
  plan: ExperimentPlan;
  weights: ReadonlyMap<string, NamedTensor>;
  batch: Batch;
  /** With the masks of step 5, micro-batch 0. */
  dropout: boolean;
}

export interface Slope {
  parameter: string;
  /** Of length 1. */
  direction: Float64Array;
  /** Of each loss, unweighted. */
  slopes: Map<string, number>;
}

/** The slope of every loss along a random direction of one parameter, free of kinks. */
export function slopeOf(setting: Setting, parameter: string): Slope {
  const random = new Random(1, 'direction', parameter);
  for (let draw = 0; draw < DRAWS; draw++) {
    const direction = unit(setting.weights.get(parameter)!.values.length, random);
    const at = (step: number) => lossesAlong(setting, parameter, direction, step);
    const whole = difference(at(STEP), at(-STEP), 2 * STEP);
    const half = difference(at(STEP / 2), at(-STEP / 2), STEP);
    const bend = Math.max(...[...whole].map(([name, slope]) => Math.abs(slope - half.get(name)!)));
    const scale = Math.max(...[...whole.values()].map(Math.abs));
    if (bend <= SMOOTH * Math.max(scale, 1e-3)) return { parameter, direction, slopes: half };
  }
  throw new Error(`${parameter}: a kink on each of ${DRAWS} directions`);
}

/** `|slope - gradient . direction| / |gradient|` for the weighted losses that train the parameter. */
export function slopeError(
  { direction, slopes }: Slope,
  gradient: Float32Array,
  trainers: readonly string[],
  weightOf: Readonly<Record<string, number>>,
): number {
  const slope = trainers.reduce((sum, loss) => sum + weightOf[loss]! * slopes.get(loss)!, 0);
  return Math.abs(slope - dot(gradient, direction)) / norm(gradient);
}

/** The mean losses, in float64, with one parameter moved along a direction. */
export function lossesAlong(
  { plan, weights, batch, dropout }: Setting,
  parameter: string,
  direction: Float64Array,
  step: number,
): Map<string, number> {
  const engine = new Float64Engine();
  return withNetwork(plan, engine, weights, (network, parameters) => {
    const moved = values(parameters.value(parameter));
    direction.forEach((value, i) => {
      moved[i]! += step * value;
    });
    if (dropout) network.train(5, 0);
    else network.trainWithoutDropout();
    const losses = new Map<string, number>();
    const whole = [0, batch.labels.length] as const;
    runPart(plan, network, forwardOnly(plan.step), batch, whole, emptySums(), (loss, t) => {
      const { classes } = plan.network;
      const targets = batch.targets ?? batch.labels;
      const weights = plan.classWeights.get(loss);
      const each = weights
        ? weightedLosses(values(t), weights, targets)
        : softmaxCrossEntropy(values(t), classes, targets, 1).losses;
      losses.set(loss, each.reduce((sum, value) => sum + value, 0) / batch.labels.length);
    });
    return losses;
  });
}

function difference(
  up: Map<string, number>,
  down: Map<string, number>,
  by: number,
): Map<string, number> {
  return new Map([...up].map(([name, loss]) => [name, (loss - down.get(name)!) / by]));
}

/** `-Σ weight[c] · target[c] · log softmax[c]` of each row, as it is written. */
function weightedLosses(
  logits: Float64Array,
  weights: Float64Array,
  targets: Int32Array | Float32Array,
): Float64Array {
  const classes = weights.length;
  return Float64Array.from({ length: logits.length / classes }, (_, b) => {
    const row = logits.subarray(b * classes, (b + 1) * classes);
    const sum = row.reduce((total, value) => total + Math.exp(value), 0);
    return weights.reduce((total, weight, c) => {
      const share =
        targets instanceof Int32Array ? Number(targets[b] === c) : targets[b * classes + c]!;
      return total - weight * share * Math.log(Math.exp(row[c]!) / sum);
    }, 0);
  });
}

/** The step without its way back. */
function forwardOnly(step: StepPlan): StepPlan {
  const microBatch = step.microBatch.filter(
    ({ do: what }) => what === 'forward' || what === 'loss',
  );
  return { microBatch, update: [] };
}

function unit(size: number, random: Random): Float64Array {
  const direction = Float64Array.from({ length: size }, () => random.normal());
  const length = norm(direction);
  return direction.map((value) => value / length);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
