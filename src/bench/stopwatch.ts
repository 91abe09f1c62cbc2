import type { Engine, Tensor } from '../engine/engine.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { LayerPlan } from '../model/layers/table.js';
import { flatten } from '../model/network-plan.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import type { Layer, Pass } from '../relay/layer.js';
import { waitFor } from './wait.js';

/** Milliseconds spent in one layer. */
export interface LayerTimes {
  forward: number;
  /** In operations that give gradients of parameters alone. */
  parameterGradient: number;
  /** The rest of the backward pass: input gradients of all signals, activations, sums. */
  inputGradient: number;
  update: number;
}

/** Operations of an engine that change parameters after the backward pass. */
const UPDATES: readonly string[] = ['sgd', 'adamw', 'lerp', 'scale'];

/**
 * Takes the time of every layer and operation of a step, from outside: `engine` passes everything on to another
 * engine, and `network` runs on it.
 */
export class Stopwatch {
  readonly engine: Engine;
  readonly network: NetworkRuntime;
  readonly layers: Map<string, LayerTimes>;
  /** Milliseconds in loss functions. */
  loss = 0;
  /** Milliseconds in updates of tensors that belong to no layer. */
  otherUpdates = 0;
  private readonly layerOf: Map<Tensor, string>;
  private current: LayerTimes | null = null;

  constructor(plan: ExperimentPlan, engine: Engine, parameters: Parameters) {
    const plans = [...plan.layers.values()];
    this.layers = new Map(plans.map(({ name }) => [name, none()]));
    this.layerOf = owners(plans, parameters, plan.config.optimizer.ema !== undefined);
    this.engine = this.watch(engine);
    const enter = (layer: Layer): Layer => this.enter(layer, engine);
    this.network = new (class extends NetworkRuntime {
      override layer(name: string): Layer {
        return enter(super.layer(name));
      }
    })(this.engine, plans, parameters, plan.config.seed);
  }

  reset(): void {
    for (const times of this.layers.values()) Object.assign(times, none());
    this.loss = 0;
    this.otherUpdates = 0;
  }

  private enter(layer: Layer, engine: Engine): Layer {
    const times = this.layers.get(layer.name)!;
    const within = <T>(work: () => T, done: (ms: number) => void): T => {
      this.current = times;
      const start = performance.now();
      const result = work();
      waitFor(engine);
      done(performance.now() - start);
      this.current = null;
      return result;
    };
    const wrap = (pass: Pass): Pass => ({
      backward: (signals, carry, gradients) => {
        // Updates at once happen in there.
        const others = () => times.parameterGradient + times.update;
        const before = others();
        return within(
          () => pass.backward(signals, carry, gradients),
          (ms) => {
            times.inputGradient += ms - (others() - before);
          },
        );
      },
      release: () => pass.release(),
    });
    return {
      name: layer.name,
      forward: (x, again) => {
        const { y, pass } = within(
          () => layer.forward(x, again),
          (ms) => {
            times.forward += ms;
          },
        );
        return { y, pass: wrap(pass) };
      },
    };
  }

  private watch(engine: Engine): Engine {
    const timed = (method: (...args: unknown[]) => unknown, add: Add) => {
      return (...args: unknown[]): unknown => {
        const start = performance.now();
        const result = method.apply(engine, args);
        waitFor(engine);
        add(performance.now() - start, args);
        return result;
      };
    };
    return new Proxy(engine, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        const method = value as (...args: unknown[]) => unknown;
        const add = this.account(String(key));
        return add ? timed(method, add) : method.bind(target);
      },
    });
  }

  /** Where an operation's time is added; null if it counts with the layer that it runs in. */
  private account(operation: string): Add | null {
    if (operation.endsWith('ParameterGradient')) {
      return (ms) => {
        if (this.current) this.current.parameterGradient += ms;
      };
    }
    if (operation === 'softmaxCrossEntropy') {
      return (ms) => {
        this.loss += ms;
      };
    }
    if (!UPDATES.includes(operation)) return null;
    return (ms, [tensor]) => {
      const layer = this.layerOf.get(tensor as Tensor);
      // Rows of a parameter are updated in their layer's backward pass.
      const times = layer ? this.layers.get(layer)! : this.current;
      if (times) times.update += ms;
      else this.otherUpdates += ms;
    };
  }
}

type Add = (ms: number, args: readonly unknown[]) => void;

const none = (): LayerTimes => ({ forward: 0, parameterGradient: 0, inputGradient: 0, update: 0 });

/** The layer of trunk or head that a parameter, or its moving average, belongs to. */
function owners(
  plans: readonly LayerPlan[],
  parameters: Parameters,
  averaged: boolean,
): Map<Tensor, string> {
  const found = new Map<Tensor, string>();
  for (const plan of plans) {
    for (const { name } of flatten(plan).flatMap((inner) => inner.parameters)) {
      found.set(parameters.value(name), plan.name);
      if (averaged) found.set(parameters.slot('ema', name), plan.name);
    }
  }
  return found;
}
