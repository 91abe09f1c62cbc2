import type { NamedTensor } from '../checkpoint/safetensors.js';
import type { Engine, SgdStep, Tensor } from '../engine/engine.js';
import { CheckpointError } from '../errors.js';
import { Random } from '../random.js';
import { flatten, type LayerPlan, type ParameterPlan, volume } from './plan.js';

interface Entry {
  plan: ParameterPlan;
  value: Tensor;
  /** Made at the first update, or when a checkpoint brings one. */
  momentum: Tensor | null;
}

/** The parameters of a network with their momentum. Owns the tensors; `dispose` frees them. */
export class Parameters {
  private readonly entries = new Map<string, Entry>();

  /** He initialisation (paper, §3): each value derives from the seed and the parameter's name alone. */
  constructor(
    private readonly engine: Engine,
    layers: readonly LayerPlan[],
    seed: number,
  ) {
    for (const plan of layers.flatMap(flatten).flatMap((layer) => layer.parameters)) {
      const value = engine.tensor(initialValues(plan, seed), plan.shape);
      this.entries.set(plan.name, { plan, value, momentum: null });
    }
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  plan(name: string): ParameterPlan {
    return this.entry(name).plan;
  }

  /** Borrowed. */
  value(name: string): Tensor {
    return this.entry(name).value;
  }

  /** Borrowed; zeros before the first update. */
  momentum(name: string): Tensor {
    const entry = this.entry(name);
    entry.momentum ??= this.engine.zeros(entry.plan.shape);
    return entry.momentum;
  }

  /** One SGD step on one parameter; borrows the gradient. */
  update(name: string, gradient: Tensor, step: SgdStep): void {
    this.engine.sgd(this.value(name), this.momentum(name), gradient, step);
  }

  /**
   * Replaces values and momentum by those of a checkpoint.
   * @throws CheckpointError unless names and shapes are exactly this network's.
   */
  restore(weights: Map<string, NamedTensor>, momentum?: Map<string, NamedTensor>): void {
    checkNames(this.names(), weights);
    for (const name of this.names()) {
      this.assign(this.value(name), weights.get(name), name);
      const velocity = momentum?.get(name);
      if (velocity) this.assign(this.momentum(name), velocity, name);
    }
  }

  /** Copies of all values, and of the momentum of those that were updated. */
  snapshot(): { weights: Map<string, NamedTensor>; momentum: Map<string, NamedTensor> } {
    const weights = new Map<string, NamedTensor>();
    const velocities = new Map<string, NamedTensor>();
    for (const [name, { plan, value, momentum }] of this.entries) {
      const { shape } = plan;
      weights.set(name, { shape, values: this.engine.read(value) });
      if (momentum) velocities.set(name, { shape, values: this.engine.read(momentum) });
    }
    return { weights, momentum: velocities };
  }

  dispose(): void {
    for (const { value, momentum } of this.entries.values()) {
      this.engine.dispose(value);
      if (momentum) this.engine.dispose(momentum);
    }
    this.entries.clear();
  }

  private assign(to: Tensor, from: NamedTensor | undefined, name: string): void {
    if (!from || from.shape.join() !== to.shape.join()) {
      throw new CheckpointError(
        `parameter ${name} is [${from?.shape.join(', ')}] in the checkpoint, but [${to.shape.join(', ')}] in the network`,
        'use the config that the checkpoint was trained with',
      );
    }
    this.engine.assign(to, from.values);
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`no parameter "${name}"`);
    return entry;
  }
}

function checkNames(names: readonly string[], other: ReadonlyMap<string, unknown>): void {
  const missing = names.filter((name) => !other.has(name));
  const extra = [...other.keys()].filter((name) => !names.includes(name));
  if (missing.length === 0 && extra.length === 0) return;
  const list = (items: string[]): string => items.slice(0, 5).join(', ') || 'nothing';
  throw new CheckpointError(
    `the checkpoint does not fit the network: it lacks ${list(missing)}, and has ${list(extra)} besides`,
    'use the config that the checkpoint was trained with',
  );
}

function initialValues({ name, shape, initializer }: ParameterPlan, seed: number): Float32Array {
  const values = new Float32Array(volume(shape));
  if (initializer.type === 'zeros') return values;
  const random = new Random(seed, 'initialisation', name);
  const deviation = Math.sqrt(2 / initializer.fanIn);
  for (let i = 0; i < values.length; i++) values[i] = random.normal() * deviation;
  return values;
}
