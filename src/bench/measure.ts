import type { Engine } from '../engine/engine.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { memoryPlan } from '../experiment/step-memory.js';
import type { LayerPlan } from '../model/layers/table.js';
import { totals } from '../plan/cost.js';
import type { ResolvedLoss } from '../relay/ranges.js';
import type { BenchSession, StepProfile } from './bench-session.js';
import { type ProcessMemory, processMemory } from './memory-use.js';
import { type MatmulPeak, matmulPeak } from './peak.js';
import type { LayerTimes } from './stopwatch.js';

/** Where the time of a step goes: milliseconds, medians over the steps that were profiled. */
export interface StepSplit {
  steps: number;
  msPerStep: number;
  forward: number;
  loss: number;
  /** By the losses whose signals were on their way there, joined by `+`; heads count with their own loss. */
  backward: Record<string, number>;
  update: number;
  dataWait: number;
  /** Copying images in, sums of signals and of micro-batches, freeing, the accuracy. */
  other: number;
}

export interface LayerRow extends LayerTimes {
  name: string;
  type: string;
  /** Of a convolution: whether Winograd's filtering computes it; null of other layers. */
  winograd: boolean | null;
  /** GFLOP/s of the forward pass; null for layers that multiply nothing. */
  forwardGflops: number | null;
}

export interface Measurements {
  steps: number;
  warmup: number;
  /** Of steps without a stopwatch. */
  msPerStep: { median: number; min: number; max: number };
  dataWaitMs: number;
  imagesPerSecond: number;
  /** Of a training step, for one image. */
  multiplyAdds: number;
  relativeToStandardBp: number;
  gflops: number;
  peak: MatmulPeak;
  /** `gflops` over the peak. */
  shareOfPeak: number;
  /** MiB; null outside Linux. `predicted` is the plan's. */
  memory: {
    /** Resident after building: weights and what the optimizer keeps. */
    built: number | null;
    /** Most that was resident in the steps. */
    stepsPeak: number | null;
    /** The same with building. */
    peak: number | null;
    predictedActivations: number;
    predictedParameters: number;
  };
  split: StepSplit;
  layers: LayerRow[];
}

/** How fast steps go. */
export type Pace = Pick<Measurements, 'msPerStep' | 'imagesPerSecond'>;

export interface MeasureOptions {
  steps: number;
  warmup: number;
}

/** Steps as fast as they go, then some with a stopwatch, then the machine's own speed. */
export async function measure(
  session: BenchSession,
  { steps, warmup }: MeasureOptions,
): Promise<Measurements> {
  const { plan, engine } = session;
  for (let i = 0; i < warmup; i++) await session.run();
  const times = [];
  for (let i = 0; i < steps; i++) times.push(await session.run());
  const after = processMemory();
  const profiles = await session.profile(Math.max(1, Math.min(steps, PROFILED)));
  const peak = matmulPeak(engine);
  const ms = times.map((time) => time.ms);
  const { msPerStep, imagesPerSecond } = paceOf(ms, plan.config.training.batchSize);
  const { step, relativeToStandardBp } = totals(plan);
  const gflops = (2 * step.multiplyAdds * imagesPerSecond) / 1e9;
  return {
    steps,
    warmup,
    msPerStep,
    dataWaitMs: median(times.map((time) => time.dataWaitMs)),
    imagesPerSecond,
    multiplyAdds: step.multiplyAdds,
    relativeToStandardBp,
    gflops,
    peak,
    shareOfPeak: gflops / peak.gflops,
    memory: memoryOf(plan, session.built, after),
    split: splitOf(plan, profiles),
    layers: layerRows(plan, profiles, engine),
  };
}

/** @param images of a step that takes so many `ms` */
export function paceOf(ms: readonly number[], images: number): Pace {
  const middle = median(ms);
  return {
    msPerStep: { median: middle, min: Math.min(...ms), max: Math.max(...ms) },
    imagesPerSecond: (1000 * images) / middle,
  };
}

/** At most so many steps are profiled: enough for a median. */
const PROFILED = 5;

function memoryOf(
  plan: ExperimentPlan,
  built: ProcessMemory | null,
  after: ProcessMemory | null,
): Measurements['memory'] {
  const { activations, parameters } = memoryPlan(plan);
  return {
    built: built?.resident ?? null,
    // The peak counts from a moment after `built`, when some of it may have been given back.
    stepsPeak: built && after && Math.max(built.resident, after.peak),
    peak: built && after && Math.max(built.peak, after.peak),
    predictedActivations: activations / 2 ** 20,
    predictedParameters: parameters / 2 ** 20,
  };
}

function splitOf(plan: ExperimentPlan, profiles: readonly StepProfile[]): StepSplit {
  const steps = profiles.map((profile) => splitStep(plan, profile));
  const keys = new Set(steps.flatMap(({ backward }) => Object.keys(backward)));
  const of = (pick: (step: (typeof steps)[number]) => number): number => median(steps.map(pick));
  return {
    steps: steps.length,
    msPerStep: of((step) => step.msPerStep),
    forward: of((step) => step.forward),
    loss: of((step) => step.loss),
    backward: Object.fromEntries(
      [...keys].map((key) => [key, of(({ backward }) => backward[key] ?? 0)]),
    ),
    update: of((step) => step.update),
    dataWait: of((step) => step.dataWait),
    other: of((step) => step.other),
  };
}

function splitStep(plan: ExperimentPlan, profile: StepProfile): Omit<StepSplit, 'steps'> {
  let forward = 0;
  let update = profile.otherUpdates;
  const backward: Record<string, number> = {};
  for (const [name, times] of profile.layers) {
    forward += times.forward;
    update += times.update;
    const ms = times.parameterGradient + times.inputGradient;
    const key = signalsAt(plan, name);
    if (ms > 0) backward[key] = (backward[key] ?? 0) + ms;
  }
  const { ms: msPerStep, loss, dataWaitMs: dataWait } = profile;
  const known = Object.values(backward).reduce((sum, ms) => sum + ms, forward + update);
  const other = Math.max(0, msPerStep - known - loss - dataWait);
  return { msPerStep, forward, loss, backward, update, dataWait, other };
}

/** The losses whose signals pass a layer on their way down. */
function signalsAt({ heads, losses, trunk }: ExperimentPlan, layer: string): string {
  const head = heads.find(({ layers }) => layers.some(({ name }) => name === layer));
  if (head) return head.loss;
  const at = trunk.findIndex(({ name }) => name === layer);
  const present = losses.filter(
    ({ tap, reach }: ResolvedLoss) => reach !== null && reach <= at && at <= tap,
  );
  return present.map(({ name }) => name).join('+');
}

function layerRows(
  plan: ExperimentPlan,
  profiles: readonly StepProfile[],
  engine: Engine,
): LayerRow[] {
  const { batchSize } = plan.config.training;
  return [...plan.layers.values()].map((layer) => {
    const { name, type, multiplyAdds } = layer;
    const of = (key: keyof LayerTimes): number =>
      median(profiles.map(({ layers }) => layers.get(name)![key]));
    const forward = of('forward');
    return {
      name,
      type,
      winograd: takesWinograd(engine, layer, plan.microBatch),
      forward,
      parameterGradient: of('parameterGradient'),
      inputGradient: of('inputGradient'),
      update: of('update'),
      forwardGflops:
        multiplyAdds === 0 || forward === 0 ? null : (2 * multiplyAdds * batchSize) / forward / 1e6,
    };
  });
}

/** Of a layer that is itself a convolution; not of those inside another. */
function takesWinograd(engine: Engine, layer: LayerPlan, images: number): boolean | null {
  if (layer.type !== 'conv') return null;
  const output = [images, ...layer.output];
  return engine.takesWinograd?.(layer.window, layer.input.at(-1)!, output) ?? false;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
