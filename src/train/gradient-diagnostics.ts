import { toSteps } from '../config/duration.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import { flatten, type LayerPlan } from '../model/plan.js';
import type { ExperimentPlan } from '../plan/experiment.js';
import { planStep, type StepPlan } from '../relay/plan.js';
import { inRange, type ResolvedLoss } from '../relay/ranges.js';
import { emptySums, runMicroBatch, type StepSums } from '../relay/step.js';
import type { GradientRow, LayerGradients } from './gradient-row.js';
import type { StepProbe } from './step-probe.js';
import { stepParts } from './train-step.js';

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
 * Training goes on to the very same numbers: a network of its own over the same weights keeps the running statistics of
 * batch normalization to itself, and draws the same dropout masks.
 */
export class GradientDiagnostics {
  private readonly network: NetworkRuntime;
  private readonly statistics = new Map<string, Tensor>();
  private readonly shares: readonly { loss: string; step: StepPlan }[];
  private readonly engine: Engine;

  constructor(
    private readonly plan: ExperimentPlan,
    network: NetworkRuntime,
    private readonly parameters: Parameters,
    private readonly every: number,
  ) {
    this.engine = network.engine;
    const layers = [...plan.layers.values()];
    for (const { name, shape } of layers.flatMap(flatten).flatMap(followedStatistics)) {
      this.statistics.set(name, this.engine.zeros(shape));
    }
    const values = { value: (name: string) => this.statistics.get(name) ?? parameters.value(name) };
    this.network = new NetworkRuntime(this.engine, layers, values, plan.config.seed);
    this.shares = plan.losses.flatMap((loss) => shareOf(plan, loss));
  }

  /**
   * @param step steps done before
   * @returns what is to look on at this step, the first or every so many; its `row` is whole once the step is done
   */
  probe(step: number): GradientProbe | undefined {
    if (step > 0 && (step + 1) % this.every > 0) return undefined;
    const sums = new Map<string, StepSums>();
    let layers: LayerGradients[] = [];
    const probe = {
      milliseconds: 0,
      microBatch: (images: Tensor, labels: Int32Array, microBatch: number): void => {
        const start = performance.now();
        for (const share of this.shares) {
          const sum = sums.get(share.loss) ?? emptySums();
          sums.set(share.loss, sum);
          this.network.train(step, microBatch);
          const { batchSize } = this.plan.config.training;
          const parts = stepParts(this.plan, this.network);
          runMicroBatch(share.step, parts, { images, labels, batchSize }, sum);
        }
        probe.milliseconds += performance.now() - start;
      },
      gradients: (total: ReadonlyMap<string, Tensor>): void => {
        const start = performance.now();
        layers = [...this.plan.layers.values()]
          .flatMap((layer) => flatten(layer).map((inner) => ({ inner, outer: layer.name })))
          .filter(({ inner }) => inner.type === 'conv' || inner.type === 'fc')
          .flatMap(({ inner, outer }) => this.measure(inner, outer, total, sums));
        for (const sum of sums.values()) {
          for (const gradient of sum.gradients.values()) this.engine.dispose(gradient);
        }
        probe.milliseconds += performance.now() - start;
      },
      row: (epoch: number): GradientRow => ({ step: step + 1, epoch, layers }),
    };
    return probe;
  }

  dispose(): void {
    for (const tensor of this.statistics.values()) this.engine.dispose(tensor);
  }

  private measure(
    layer: LayerPlan,
    outer: string,
    total: ReadonlyMap<string, Tensor>,
    sums: ReadonlyMap<string, StepSums>,
  ): LayerGradients[] {
    const parameter = `${layer.name}.weight`;
    const gradient = total.get(parameter);
    if (!gradient) return [];
    const shares = [...sums].flatMap(([loss, { gradients }]) => {
      const share = gradients.get(parameter);
      return share ? [{ loss, values: this.engine.read(share) }] : [];
    });
    const mean = meanAbsolute(this.engine.read(gradient));
    const only = this.lossesOf(outer).map((loss) => [loss, mean] as const);
    const measured: LayerGradients = {
      layer: layer.name,
      weight: meanAbsolute(this.engine.read(this.parameters.value(parameter))),
      gradient: mean,
      byLoss: Object.fromEntries(
        shares.length > 0 ? shares.map((s) => [s.loss, meanAbsolute(s.values)]) : only,
      ),
    };
    if (shares.length > 0) {
      measured.cosines = shares.flatMap((a, i) =>
        shares.slice(i + 1).map((b) => ({
          losses: [a.loss, b.loss] as [string, string],
          cosine: cosine(a.values, b.values),
        })),
      );
    }
    return [measured];
  }

  /** Of a trunk layer or a layer of a head. */
  private lossesOf(layer: string): string[] {
    const { trunk, losses, heads } = this.plan;
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
  stepsPerEpoch: number,
): GradientDiagnostics | null {
  const { gradients } = plan.config.diagnostics;
  if (gradients === undefined) return null;
  const every = Math.max(1, toSteps(gradients, stepsPerEpoch));
  return new GradientDiagnostics(plan, network, parameters, every);
}

/** Running statistics that a training pass changes; those of frozen layers are only read. */
function followedStatistics(layer: LayerPlan) {
  return layer.frozen ? [] : layer.parameters.filter(({ state }) => state);
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

export function meanAbsolute(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += Math.abs(value);
  return sum / Math.max(1, values.length);
}

export function cosine(a: Float32Array, b: Float32Array): number | null {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : null;
}
