import type { ExperimentConfig } from '../config/experiment-schema.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { chainOf, planDense } from '../model/dense-form.js';
import { type NetworkPlan, parametersOf } from '../model/network-plan.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import { Parameters } from '../model/parameters.js';
import type { Layer } from '../relay/layer.js';
import type { NamedTensor } from '../safetensors.js';
import { through } from './forward.js';

/** Sizes whose layers are kept; the least recently used one goes first. */
const KEPT_SIZES = 256;

/**
 * A network that scores images of any size: trunk and primary head, without the auxiliary heads (paper, §1).
 * Owns its parameters; `dispose` frees them.
 */
export class DenseNetwork {
  private readonly sizes = new Map<string, Layer[]>();
  private readonly views = new Map<string, Tensor>();
  readonly parameters: Parameters;

  /**
   * @param loss whose head is the output
   * @param origin a seed for initial values, or values of which those of other heads are left out
   * @throws CheckpointError if values are missing or of other shapes
   */
  constructor(
    readonly engine: Engine,
    private readonly config: Pick<ExperimentConfig, 'model' | 'losses' | 'data'>,
    readonly plan: NetworkPlan,
    private readonly loss: string,
    origin: number | ReadonlyMap<string, NamedTensor>,
  ) {
    const chain = chainOf(plan, loss);
    const needed = new Set(parametersOf(chain).map(({ name }) => name));
    const own =
      typeof origin === 'number'
        ? origin
        : new Map([...origin].filter(([name]) => needed.has(name)));
    this.parameters = new Parameters(engine, chain, own);
  }

  get classes(): number {
    return this.plan.classes;
  }

  /** @throws ConfigError unless the network can take images of that size. */
  check(height: number, width: number): void {
    this.layersFor(height, width);
  }

  /**
   * The scores (logits) of a batch of equally large images; a map of scores is averaged over its positions.
   *
   * @param images `[size, height, width, 3]`, borrowed
   * @returns `[size, classes]`
   */
  scores(images: Tensor): Float32Array {
    const { engine, classes } = this;
    const [size, height, width] = images.shape as [number, number, number, number];
    const layers = this.layersFor(height, width);
    const y = through(engine, layers, engine.retain(images));
    const values = engine.read(y);
    engine.dispose(y);
    return meanOverPositions(values, size, classes);
  }

  dispose(): void {
    for (const view of this.views.values()) this.engine.dispose(view);
    this.views.clear();
    this.sizes.clear();
    this.parameters.dispose();
  }

  private layersFor(height: number, width: number): Layer[] {
    const key = `${height}x${width}`;
    const layers = this.sizes.get(key) ?? this.build(height, width);
    this.sizes.delete(key);
    this.sizes.set(key, layers);
    if (this.sizes.size > KEPT_SIZES) this.sizes.delete(this.sizes.keys().next().value!);
    return layers;
  }

  private build(height: number, width: number): Layer[] {
    const { layers } = planDense(this.config, this.plan, this.loss, [height, width]);
    const shapes = new Map(parametersOf(layers).map(({ name, shape }) => [name, shape]));
    const parameters = { value: (name: string) => this.view(name, shapes.get(name)!) };
    const runtime = new NetworkRuntime(this.engine, layers, parameters, 0);
    return layers.map(({ name }) => runtime.layer(name));
  }

  /** The parameter under the shape that a layer wants; borrowed. */
  private view(name: string, shape: readonly number[]): Tensor {
    const value = this.parameters.value(name);
    if (value.shape.join() === shape.join()) return value;
    const key = `${name} ${shape.join()}`;
    const view = this.views.get(key) ?? this.engine.reshape(value, shape);
    this.views.set(key, view);
    return view;
  }
}

/** `[size, positions, classes]` → `[size, classes]`; one position stays as it is. */
export function meanOverPositions(
  values: Float32Array,
  size: number,
  classes: number,
): Float32Array {
  const positions = values.length / (size * classes);
  if (positions === 1) return values;
  const means = new Float32Array(size * classes);
  const sums = new Float64Array(classes);
  for (let image = 0; image < size; image++) {
    sums.fill(0);
    for (let at = image * positions * classes, p = 0; p < positions; p++, at += classes) {
      for (let c = 0; c < classes; c++) sums[c]! += values[at + c]!;
    }
    for (let c = 0; c < classes; c++) means[image * classes + c] = sums[c]! / positions;
  }
  return means;
}
