import { flatten, type LayerPlan, parametersOf, pathsOf, volume } from '../model/plan.js';
import type { Action } from '../relay/plan.js';
import type { ExperimentPlan } from './experiment.js';

/** Predicted memory of a training step, in bytes of float32. Work space inside an engine's operations comes on top. */
export interface MemoryPlan {
  /** Most activations, masks and signals alive at once in a micro-batch, the images included. */
  readonly activations: number;
  /** Weights, gradients and what the optimizer keeps, of the whole network with its heads. */
  readonly parameters: number;
}

const BYTES = 4;
/** Values that an optimizer keeps beside each parameter. */
const SLOTS = { sgd: 1, adamw: 2 } as const;

/** Plays the step's actions through, and keeps count of what is alive. */
export function memoryPlan(plan: ExperimentPlan): MemoryPlan {
  const holders = new Map<string, number>();
  const bytes = new Map<string, number>();
  const signals = new Map<string, number>();
  const own = new Map<string, number>();
  const inputOf = new Map<string, string>();
  let peak = 0;

  const size = (shape: readonly number[]): number => volume(shape) * plan.microBatch * BYTES;
  const hold = (name: string): void => void holders.set(name, (holders.get(name) ?? 0) + 1);
  const drop = (name: string): void => {
    const left = (holders.get(name) ?? 0) - 1;
    holders.set(name, left);
    if (left <= 0) bytes.delete(name);
  };
  const alive = (): number =>
    [bytes, signals, own].reduce(
      (total, map) => [...map.values()].reduce((sum, value) => sum + value, total),
      0,
    );
  const kept = (layer: LayerPlan): string[] => {
    const { input, output } = keeps(layer);
    return [...(input ? [inputOf.get(layer.name)!] : []), ...(output ? [layer.name] : [])];
  };

  const play = (action: Action): void => {
    switch (action.do) {
      case 'forward': {
        const layer = plan.layers.get(action.layer)!;
        inputOf.set(layer.name, action.from);
        bytes.set(layer.name, size(layer.output));
        hold(layer.name);
        kept(layer).forEach(hold);
        own.set(layer.name, inside(layer) * plan.microBatch * BYTES);
        break;
      }
      case 'loss':
        signals.set(action.loss, size([plan.network.classes]));
        break;
      case 'backward': {
        const layer = plan.layers.get(action.layer)!;
        const arriving = action.signals.length * size(layer.output);
        const leaving = action.carry.filter(Boolean).length * size(layer.input);
        for (const name of action.signals) signals.delete(name);
        peak = Math.max(peak, alive() + arriving + leaving);
        action.signals.forEach((name, i) => {
          if (action.carry[i]) signals.set(name, size(layer.input));
        });
        break;
      }
      case 'join':
        signals.set(action.into, signals.get(action.signal)!);
        signals.delete(action.signal);
        break;
      case 'free':
        if ('output' in action) drop(action.output);
        else {
          kept(plan.layers.get(action.saved)!).forEach(drop);
          own.delete(action.saved);
        }
    }
    peak = Math.max(peak, alive());
  };

  bytes.set('input', size(plan.network.input));
  hold('input');
  plan.step.microBatch.forEach(play);
  return { activations: peak, parameters: parameterBytes(plan) };
}

/** Every parameter has a gradient and the optimizer's slots; running statistics have neither. */
function parameterBytes({ config: { optimizer }, layers }: ExperimentPlan): number {
  const copies = optimizer.ema === undefined ? 1 : 2;
  const counts = parametersOf([...layers.values()]).map(({ shape, state }) => {
    return volume(shape) * (state ? copies : copies + 1 + SLOTS[optimizer.type]);
  });
  return BYTES * counts.reduce((total, count) => total + count, 0);
}

/** Which of its input and output a layer's backward needs. */
function keeps(layer: LayerPlan): { input: boolean; output: boolean } {
  switch (layer.type) {
    case 'conv':
    case 'fc':
    case 'batchnorm':
    case 'residual':
      return { input: true, output: layer.relu };
    case 'maxpool':
    case 'lrn':
    case 'custom': // at most; its definition decides
      return { input: true, output: true };
    case 'relu':
      return { input: false, output: true };
    case 'spp':
    case 'branches':
      return { input: true, output: false };
    case 'avgpool':
    case 'dropout':
      return { input: false, output: false };
  }
}

/** Values per image that a layer keeps besides: masks, and outputs of layers inside it. */
function inside(layer: LayerPlan): number {
  if (layer.type === 'dropout') return volume(layer.output);
  if (layer.type === 'spp') return volume(layer.output);
  return pathsOf(layer)
    .flat()
    .flatMap(flatten)
    .reduce((total, part) => total + volume(part.output), 0);
}
