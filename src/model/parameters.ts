import type { NamedTensor } from '../checkpoint/safetensors.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { CheckpointError } from '../errors.js';
import { Random } from '../random.js';
import { type LayerPlan, type ParameterPlan, parametersOf, volume } from './plan.js';

/** What is kept beside a parameter: SGD's velocity, Adam's two moments, the moving average of its values. */
export type Slot = 'momentum' | 'm' | 'v' | 'ema';

interface Entry {
  plan: ParameterPlan;
  value: Tensor;
  slots: Map<Slot, Tensor>;
}

/** The parameters and running statistics of a network, with what is kept beside each. Owns the tensors. */
export class Parameters {
  private readonly entries = new Map<string, Entry>();

  /** He initialisation (paper, §3): each value derives from the seed and the parameter's name alone. */
  constructor(
    private readonly engine: Engine,
    layers: readonly LayerPlan[],
    seed: number,
  ) {
    for (const plan of parametersOf(layers)) {
      const value = engine.tensor(initialValues(plan, seed), plan.shape);
      this.entries.set(plan.name, { plan, value, slots: new Map() });
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

  /** Borrowed. Made when it is first asked for: the moving average as a copy of the value, any other as zeros. */
  slot(slot: Slot, name: string): Tensor {
    const { plan, value, slots } = this.entry(name);
    let tensor = slots.get(slot);
    if (!tensor) {
      const { engine } = this;
      tensor =
        slot === 'ema' ? engine.tensor(engine.read(value), plan.shape) : engine.zeros(plan.shape);
      slots.set(slot, tensor);
    }
    return tensor;
  }

  /** Replaces all values. @throws CheckpointError unless names and shapes are exactly this network's. */
  restore(values: ReadonlyMap<string, NamedTensor>): void {
    checkNames(this.names(), values);
    for (const [name, tensor] of values) this.assign(this.value(name), tensor, name);
  }

  /** Replaces one slot of the parameters that are named. @throws CheckpointError if one is not this network's. */
  restoreSlot(slot: Slot, values: ReadonlyMap<string, NamedTensor>): void {
    checkNames(
      this.names().filter((name) => values.has(name)),
      values,
    );
    for (const [name, tensor] of values) this.assign(this.slot(slot, name), tensor, name);
  }

  /** Copies of all values. */
  snapshot(): Map<string, NamedTensor> {
    return this.copies(({ value }) => value);
  }

  /** Copies of one slot of the parameters that have it. */
  snapshotSlot(slot: Slot): Map<string, NamedTensor> {
    return this.copies(({ slots }) => slots.get(slot));
  }

  dispose(): void {
    for (const { value, slots } of this.entries.values()) {
      for (const tensor of [value, ...slots.values()]) this.engine.dispose(tensor);
    }
    this.entries.clear();
  }

  private copies(pick: (entry: Entry) => Tensor | undefined): Map<string, NamedTensor> {
    const found = [...this.entries].flatMap(([name, entry]) => {
      const tensor = pick(entry);
      const { shape } = entry.plan;
      return tensor ? [[name, { shape, values: this.engine.read(tensor) }] as const] : [];
    });
    return new Map(found);
  }

  private assign(to: Tensor, from: NamedTensor, name: string): void {
    if (from.shape.join() !== to.shape.join()) {
      throw new CheckpointError(
        `parameter ${name} is [${from.shape.join(', ')}] in the checkpoint, but [${to.shape.join(', ')}] in the network`,
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
  if (initializer.type !== 'he') return values.fill(initializer.type === 'ones' ? 1 : 0);
  const random = new Random(seed, 'initialisation', name);
  const deviation = Math.sqrt(2 / initializer.fanIn);
  for (let i = 0; i < values.length; i++) values[i] = random.normal() * deviation;
  return values;
}
