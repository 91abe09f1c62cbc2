import type { Engine, Tensor } from '../engine/engine.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { Timeline } from '../experiment/timeline.js';
import { flatten } from '../model/network-plan.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import type { Gradient } from '../relay/layer.js';
import { inRange, type ResolvedLoss } from '../relay/ranges.js';
import { emptySums, type MicroBatch, runMicroBatch, type StepSums } from '../relay/step.js';
import { planStep, type StepPlan } from '../relay/step-plan.js';
import type { GradientRow, LayerGradients } from '../run/gradient-row.js';
import type { StepProbe } from './step-probe.js';
import { stepParts } from './train-step.js';
import { WatchingNetwork } from './watching-network.js';

/** A layer during a step. */
interface Measured {
  readonly weight: number;
  /** Mean |gradient| by loss, where there are several. */
  readonly shares: ReadonlyMap<string, number>;
  readonly cosines: { losses: [string, string]; cosine: number | null }[];
  /** Of |gradient|, over `count` values: the total comes whole or in rows. */
  sum: number;
  count: number;
}

export interface GradientProbe extends StepProbe {
  row(epoch: number): GradientRow;
  /** Spent on looking so far. */
  milliseconds: number;
}

/**
 * Measures mean |gradient| of each layer, in total and by loss (paper, Figure 1), and in overlaps the angle between
 * the losses' gradients. Only in layers that several losses train the total does not say it all: for these, and
 * nothing else, gradients are computed once more, one loss at a time.
 *
 * Training goes on to the very same numbers: a `WatchingNetwork` is what it runs on.
 */
export class GradientDiagnostics {
  private readonly watching: WatchingNetwork;
  /** By the step's plan, as long as that is the same one. */
  private readonly shares = new Map<StepPlan, readonly { loss: string; step: StepPlan }[]>();
  private readonly engine: Engine;
  /** Convolutions and fully connected layers by their weight's name, from input to output. */
  private readonly weights = new Map<string, string>();
  /** The layer of the plan that each of them is, or is inside of. */
  private readonly outer = new Map<string, string>();

  constructor(
    plan: ExperimentPlan,
    network: NetworkRuntime,
    private readonly parameters: Parameters,
    private readonly due: (step: number) => boolean,
  ) {
    this.engine = network.engine;
    const layers = [...plan.layers.values()];
    for (const layer of layers) {
      for (const { name, type } of flatten(layer)) {
        if (type !== 'conv' && type !== 'fc') continue;
        this.weights.set(`${name}.weight`, name);
        this.outer.set(name, layer.name);
      }
    }
    this.watching = new WatchingNetwork(this.engine, layers, parameters, plan.config.seed);
  }

  /**
   * @param step steps done before
   * @param plan as it is in this step
   * @returns what is to look on at this step, the first or every so many; its `row` is whole once the step is done
   */
  probe(step: number, plan: ExperimentPlan): GradientProbe | undefined {
    if (step > 0 && !this.due(step + 1)) return undefined;
    const shared = this.sharesOf(plan);
    const shares = new Map(shared.map(({ loss }) => [loss, emptySums()]));
    const measured = new Map<string, Measured>();
    const probe = {
      milliseconds: 0,
      microBatch: (batch: MicroBatch, microBatch: number): void => {
        const start = performance.now();
        for (const share of shared) {
          const { network } = this.watching;
          network.train(step, microBatch);
          const parts = stepParts(plan, network);
          runMicroBatch(share.step, parts, batch, shares.get(share.loss)!);
        }
        probe.milliseconds += performance.now() - start;
      },
      gradient: ({ parameter, value }: Gradient): void => {
        const start = performance.now();
        const layer = this.weights.get(parameter);
        const own = take(shares, parameter);
        if (layer !== undefined) {
          const known = measured.get(layer) ?? this.measure(parameter, own);
          measured.set(layer, known);
          addAbsolute(known, this.engine.read(value));
        }
        for (const { value: share } of own) this.engine.dispose(share);
        probe.milliseconds += performance.now() - start;
      },
      row: (epoch: number): GradientRow => {
        const layers = [...this.weights.values()].flatMap((layer) => {
          const own = measured.get(layer);
          return own ? [this.layerOf(plan, layer, own)] : [];
        });
        return { step: step + 1, epoch, layers };
      },
    };
    return probe;
  }

  dispose(): void {
    this.watching.dispose();
  }

  /** What is known of a layer before its update: its weights, and what each loss gives; its total is still to come. */
  private measure(parameter: string, own: readonly { loss: string; value: Tensor }[]): Measured {
    const shares = own.map(({ loss, value }) => ({ loss, values: this.engine.read(value) }));
    const cosines = shares.flatMap((a, i) =>
      shares.slice(i + 1).map((b) => ({
        losses: [a.loss, b.loss] as [string, string],
        cosine: cosine(a.values, b.values),
      })),
    );
    return {
      weight: meanAbsolute(this.engine.read(this.parameters.value(parameter))),
      shares: new Map(shares.map(({ loss, values }) => [loss, meanAbsolute(values)])),
      cosines,
      sum: 0,
      count: 0,
    };
  }

  private sharesOf(plan: ExperimentPlan): readonly { loss: string; step: StepPlan }[] {
    const shares = this.shares.get(plan.step) ?? plan.losses.flatMap((loss) => shareOf(plan, loss));
    this.shares.set(plan.step, shares);
    return shares;
  }

  private layerOf(
    plan: ExperimentPlan,
    layer: string,
    { weight, shares, cosines, sum, count }: Measured,
  ): LayerGradients {
    const gradient = sum / count;
    const only = this.lossesOf(plan, layer).map((loss) => [loss, gradient] as const);
    const byLoss = Object.fromEntries(shares.size > 0 ? shares : only);
    const row = { layer, weight, gradient, byLoss };
    return cosines.length > 0 ? { ...row, cosines } : row;
  }

  /** Of a layer of the trunk or of a head, or of one inside it. */
  private lossesOf({ trunk, losses, heads }: ExperimentPlan, inner: string): string[] {
    const layer = this.outer.get(inner)!;
    const at = trunk.findIndex(({ name }) => name === layer);
    if (at >= 0) return losses.filter((loss) => inRange(loss, at)).map(({ name }) => name);
    const head = heads.find(({ layers }) => layers.some(({ name }) => name === layer));
    return head ? [head.loss] : [];
  }
}

/** @returns null if the config does not ask for them */
export function gradientDiagnostics(
  plan: ExperimentPlan,
  network: NetworkRuntime,
  parameters: Parameters,
  timeline: Timeline,
): GradientDiagnostics | null {
  const { gradients } = plan.config.diagnostics;
  if (gradients === undefined) return null;
  const due = (step: number): boolean => timeline.due(gradients, step);
  return new GradientDiagnostics(plan, network, parameters, due);
}

/** The step that finds a loss's gradients in the layers that it shares with another loss, and only there. */
function shareOf(plan: ExperimentPlan, loss: ResolvedLoss): { loss: string; step: StepPlan }[] {
  const { trunk, losses, heads } = plan;
  const others = losses.filter((other) => other !== loss);
  const shared = trunk.map((layer, at) => {
    return layer.trainable && inRange(loss, at) && others.some((other) => inRange(other, at));
  });
  const reach = shared.indexOf(true);
  if (reach < 0) return [];
  const step = planStep(
    trunk.map((layer, at) => ({ ...layer, trainable: shared[at]! })),
    [{ ...loss, bottom: reach, reach }],
    heads.map((head) => ({
      loss: head.loss,
      layers: head.layers.map(({ name }) => ({ name, trainable: false })),
    })),
  );
  return [{ loss: loss.name, step }];
}

/** What each loss gives to a parameter; it is the caller's from then on. */
function take(
  sums: ReadonlyMap<string, StepSums>,
  parameter: string,
): { loss: string; value: Tensor }[] {
  return [...sums].flatMap(([loss, { gradients }]) => {
    const value = gradients.get(parameter);
    gradients.delete(parameter);
    return value ? [{ loss, value }] : [];
  });
}

function addAbsolute(to: { sum: number; count: number }, values: Float32Array): void {
  for (const value of values) to.sum += Math.abs(value);
  to.count += values.length;
}

function meanAbsolute(values: Float32Array): number {
  const total = { sum: 0, count: 0 };
  addAbsolute(total, values);
  return total.sum / Math.max(1, total.count);
}

function cosine(a: Float32Array, b: Float32Array): number | null {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : null;
}
