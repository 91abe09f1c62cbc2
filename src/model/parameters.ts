import type { Engine, Tensor } from '../engine/engine.js';
import { CheckpointError, TrainingError } from '../errors.js';
import { Random } from '../random.js';
import type { NamedTensor } from '../safetensors.js';
import { cutPart, joinParts, LARGEST_PART, type PartPlan, partsOf } from './parts.js';
import {
  flatten,
  type LayerPlan,
  type ParameterPlan,
  parametersOf,
  type Shape,
  volume,
} from './plan.js';

/** What is kept beside a parameter: SGD's velocity, Adam's two moments, the moving average of its values. */
export type Slot = 'momentum' | 'm' | 'v' | 'ema';

interface Entry {
  plan: PartPlan;
  value: Tensor;
  slots: Map<Slot, Tensor>;
}

/**
 * The parameters and running statistics of a network, with what is kept beside each. Owns the tensors.
 *
 * Each is one tensor, or several that are parts of it (parts.ts): names of tensors differ from those of parameters
 * only there.
 */
export class Parameters {
  /** By tensor. */
  private readonly entries = new Map<string, Entry>();
  /** By parameter. */
  private readonly wholes = new Map<string, { plan: ParameterPlan; parts: Entry[] }>();
  private changing = false;

  /**
   * @param origin a seed for He initialisation (paper, §3), each value deriving from it and the parameter's name
   *   alone; or the values of a checkpoint
   * @param largest bytes of a tensor; larger fully connected weights are held in parts
   * @throws CheckpointError unless names and shapes are exactly this network's
   */
  constructor(
    private readonly engine: Engine,
    layers: readonly LayerPlan[],
    origin: number | ReadonlyMap<string, NamedTensor>,
    largest: number = LARGEST_PART,
  ) {
    if (typeof origin !== 'number') checkFit(parametersOf(layers), origin);
    for (const parts of layers.flatMap(flatten).flatMap((layer) => partsOf(layer, largest))) {
      const plan = parts[0]!.whole;
      const values =
        typeof origin === 'number' ? initialValues(plan, origin) : origin.get(plan.name)!.values;
      const entries = parts.map((part) => {
        const value = engine.tensor(cutPart(values, part), part.shape);
        return { plan: part, value, slots: new Map() };
      });
      for (const entry of entries) this.entries.set(entry.plan.name, entry);
      this.wholes.set(plan.name, { plan, parts: entries });
    }
  }

  /** Of all tensors. */
  names(): string[] {
    return [...this.entries.keys()];
  }

  /** Names of the tensors that hold a parameter, in the order of its columns; most have one, of the same name. */
  parts(parameter: string): string[] {
    return this.whole(parameter).parts.map(({ plan }) => plan.name);
  }

  plan(name: string): PartPlan {
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

  /** Replaces one slot of the parameters that are named. @throws CheckpointError if one is not this network's. */
  restoreSlot(slot: Slot, values: ReadonlyMap<string, NamedTensor>): void {
    const plans = [...this.wholes.values()].map(({ plan }) => plan);
    checkFit(
      plans.filter(({ name }) => values.has(name)),
      values,
    );
    for (const [parameter, tensor] of values) {
      const whole = tensor.values;
      for (const { plan } of this.whole(parameter).parts) {
        this.engine.assign(this.slot(slot, plan.name), cutPart(whole, plan));
      }
    }
  }

  /**
   * A training step is about to change values. Until `endStep` they belong to no whole step, and cannot be copied into
   * a checkpoint; after a step that fails they never can.
   */
  beginStep(): void {
    this.changing = true;
  }

  endStep(): void {
    this.changing = false;
  }

  /**
   * All values by parameter; each is read from the engine when it is asked for, and stands for what it is then.
   *
   * @throws TrainingError in the middle of a step, and after one that failed
   */
  snapshot(): Map<string, NamedTensor> {
    return this.copies(({ value }) => value);
  }

  /** One slot of the parameters that have it, as `snapshot`. */
  snapshotSlot(slot: Slot): Map<string, NamedTensor> {
    return this.copies(({ slots }) => slots.get(slot));
  }

  dispose(): void {
    for (const { value, slots } of this.entries.values()) {
      for (const tensor of [value, ...slots.values()]) this.engine.dispose(tensor);
    }
    this.entries.clear();
    this.wholes.clear();
  }

  private copies(pick: (entry: Entry) => Tensor | undefined): Map<string, NamedTensor> {
    if (this.changing) {
      throw new TrainingError(
        'the weights are those of a training step that was not finished: they are not saved',
        'go on from the last checkpoint',
      );
    }
    const found = [...this.wholes.values()].flatMap(({ plan, parts }) => {
      const tensors = parts.flatMap((part) => {
        const tensor = pick(part);
        return tensor ? [{ plan: part.plan, tensor }] : [];
      });
      if (tensors.length < parts.length) return [];
      const read = (): Float32Array =>
        joinParts(tensors.map((part) => ({ ...part, values: this.engine.read(part.tensor) })));
      return [[plan.name, lazily(plan.shape, read)] as const];
    });
    return new Map(found);
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`no parameter "${name}"`);
    return entry;
  }

  private whole(parameter: string): { plan: ParameterPlan; parts: Entry[] } {
    const whole = this.wholes.get(parameter);
    if (!whole) throw new Error(`no parameter "${parameter}"`);
    return whole;
  }
}

/** @throws CheckpointError unless the values are exactly those planned. */
function checkFit(plans: readonly ParameterPlan[], values: ReadonlyMap<string, NamedTensor>): void {
  const hint = 'use the config that the checkpoint was trained with';
  const names = new Set(plans.map(({ name }) => name));
  const missing = [...names].filter((name) => !values.has(name));
  const extra = [...values.keys()].filter((name) => !names.has(name));
  if (missing.length > 0 || extra.length > 0) {
    const list = (items: string[]): string => items.slice(0, 5).join(', ') || 'nothing';
    throw new CheckpointError(
      `the checkpoint does not fit the network: it lacks ${list(missing)}, and has ${list(extra)} besides`,
      hint,
    );
  }
  for (const { name, shape } of plans) {
    const found = values.get(name)!.shape;
    if (found.join() === shape.join()) continue;
    throw new CheckpointError(
      `parameter ${name} is [${found.join(', ')}] in the checkpoint, but [${shape.join(', ')}] in the network`,
      hint,
    );
  }
}

function lazily(shape: Shape, read: () => Float32Array): NamedTensor {
  return {
    shape,
    get values() {
      return read();
    },
  };
}

function initialValues({ name, shape, initializer }: ParameterPlan, seed: number): Float32Array {
  const values = new Float32Array(volume(shape));
  if (initializer.type !== 'he') return values.fill(initializer.type === 'ones' ? 1 : 0);
  const random = new Random(seed, 'initialisation', name);
  const deviation = Math.sqrt(2 / initializer.fanIn);
  for (let i = 0; i < values.length; i++) values[i] = random.normal() * deviation;
  return values;
}
