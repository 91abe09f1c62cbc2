import type { Engine, Shape, Tensor } from '../engine/engine.js';
import { CheckpointError, TrainingError } from '../errors.js';
import { Random } from '../random.js';
import type { NamedTensor } from '../safetensors.js';
import { type ParameterPlan, volume } from './layers/layer-plan.js';
import type { LayerPlan } from './layers/table.js';
import { parametersOf } from './network-plan.js';

/** What is kept beside a parameter: SGD's velocity, Adam's two moments, the moving average of its values. */
export type Slot = 'momentum' | 'm' | 'v' | 'ema';

interface Entry {
  plan: ParameterPlan;
  value: Tensor;
  slots: Map<Slot, Tensor>;
}

/** Where a network's values come from. */
export type Origin =
  | number
  | ReadonlyMap<string, NamedTensor>
  | { readonly seed: number; readonly given: ReadonlyMap<string, NamedTensor> };

/** The parameters and running statistics of a network, with what is kept beside each. Owns the tensors. */
export class Parameters {
  private readonly entries = new Map<string, Entry>();
  private readonly rested = new Map<string, number>();
  private changing = false;
  /** Running statistics as they were before the step, where it can be taken back. */
  private earlier = new Map<string, Float32Array>();

  /**
   * @param origin a seed for He initialisation (paper, §3), each value deriving from it and the parameter's name
   *   alone; the values of a checkpoint; or a seed with values that take the place of those drawn
   * @throws CheckpointError unless names and shapes are exactly this network's
   */
  constructor(
    private readonly engine: Engine,
    layers: readonly LayerPlan[],
    origin: Origin,
  ) {
    const plans = parametersOf(layers);
    if (typeof origin !== 'number' && !('seed' in origin)) checkFit(plans, origin);
    for (const plan of plans) {
      const values = originOf(plan, origin);
      const value = engine.tensor(values, plan.shape);
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

  /** Steps of the training that have not updated the parameter, though it is to be trained. */
  restedSteps(name: string): number {
    return this.rested.get(name) ?? 0;
  }

  /** Counts steps that did not update these. */
  rest(names: Iterable<string>, steps = 1): void {
    for (const name of names) this.rested.set(name, this.restedSteps(name) + steps);
  }

  /** Replaces one slot of the parameters that are named. @throws CheckpointError if one is not this network's. */
  restoreSlot(slot: Slot, values: ReadonlyMap<string, NamedTensor>): void {
    const plans = [...this.entries.values()].map(({ plan }) => plan);
    checkFit(
      plans.filter(({ name }) => values.has(name)),
      values,
    );
    for (const [name, tensor] of values) this.engine.assign(this.slot(slot, name), tensor.values);
  }

  /**
   * A training step is about to change values. Until `endStep` they belong to no whole step, and cannot be copied into
   * a checkpoint; after a step that fails they never can.
   */
  beginStep(): void {
    this.changing = true;
  }

  /**
   * As `beginStep`, of a step of several micro-batches: until the first weight is updated `takeBackStep` undoes it, as
   * only running statistics have changed by then.
   */
  beginLongStep(): void {
    if (this.changing) return;
    this.changing = true;
    for (const [name, { plan, value }] of this.entries) {
      if (plan.state) this.earlier.set(name, Float32Array.from(this.engine.read(value)));
    }
  }

  /** Of a long step that is under way: running statistics as they were before it. */
  before(name: string): Float32Array {
    const values = this.earlier.get(name);
    if (!values) throw new Error(`no statistics "${name}" before the step`);
    return values;
  }

  /** The values are those before the step again. No weight may have been updated in it. */
  takeBackStep(): void {
    for (const [name, values] of this.earlier) this.engine.assign(this.value(name), values);
    this.endStep();
  }

  endStep(): void {
    this.changing = false;
    this.earlier.clear();
  }

  /** All values; each is read from the engine when it is asked for, and stands for what it is then. */
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
  }

  /** @throws TrainingError in the middle of a step, and after one that failed */
  private copies(pick: (entry: Entry) => Tensor | undefined): Map<string, NamedTensor> {
    if (this.changing) {
      throw new TrainingError(
        'the weights are those of a training step that was not finished: they are not saved',
        'go on from the last checkpoint',
      );
    }
    const found = [...this.entries].flatMap(([name, entry]) => {
      const tensor = pick(entry);
      const { shape } = entry.plan;
      return tensor ? [[name, lazily(shape, () => this.engine.read(tensor))] as const] : [];
    });
    return new Map(found);
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`no parameter "${name}"`);
    return entry;
  }
}

/** @throws CheckpointError unless the values are exactly those planned. */
export function checkFit(
  plans: readonly ParameterPlan[],
  values: ReadonlyMap<string, NamedTensor>,
): void {
  const hint =
    'use the config that the checkpoint was trained with; another network takes what fits of its weights by initialCheckpoint, in a run of its own';
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

function originOf(plan: ParameterPlan, origin: Origin): Float32Array {
  if (typeof origin === 'number') return initialValues(plan, origin);
  if (!('seed' in origin)) return origin.get(plan.name)!.values;
  return origin.given.get(plan.name)?.values ?? initialValues(plan, origin.seed);
}

function initialValues({ name, shape, initializer }: ParameterPlan, seed: number): Float32Array {
  const values = new Float32Array(volume(shape));
  if (initializer.type !== 'he') return values.fill(initializer.type === 'ones' ? 1 : 0);
  const random = new Random(seed, 'initialisation', name);
  const deviation = Math.sqrt(2 / initializer.fanIn);
  for (let i = 0; i < values.length; i++) values[i] = random.normal() * deviation;
  return values;
}
