import type { ExperimentConfig } from '../config/experiment-schema.js';
import { volume } from '../model/layers/layer-plan.js';
import type { LayerPlan } from '../model/layers/table.js';
import { flatten, memoryOf, type NetworkPlan } from '../model/network-plan.js';
import type { Action, StepPlan } from '../relay/step-plan.js';
import { BackwardMemory, parameterBytes, type StepTally, trainedBytes } from './backward-memory.js';
import { Tally } from './tally.js';

/** Predicted memory of a training step, in bytes; see docs/plan.md for what is counted. */
export interface MemoryPlan {
  /** Weights, running statistics, and what the optimizer keeps, of the whole network with its heads. */
  readonly parameters: number;
  /** Most activations, masks and signals alive at once, the images included. */
  readonly activations: number;
  /** Most parameter gradients alive at once. */
  readonly gradients: number;
  /** Most of activations and gradients together: what a step needs on top of `parameters`. */
  readonly step: number;
  /** Resident memory of the process at its peak: all of the above, the program and the engine. */
  readonly peak: number;
}

/** What the prediction depends on. */
export interface MemoryInputs {
  readonly config: Pick<ExperimentConfig, 'convolution' | 'optimizer' | 'precision' | 'training'>;
  readonly network: Pick<NetworkPlan, 'input' | 'classes'>;
  readonly layers: ReadonlyMap<string, LayerPlan>;
  readonly microBatch: number;
  readonly step: StepPlan;
  readonly updateAtOnce: boolean;
  readonly ranks: number;
}

/** Values that an optimizer keeps beside each parameter. */
const SLOTS = { sgd: 1, adamw: 2 } as const;
const FLOAT32 = 4;
const BFLOAT16 = 2;

/** Plays the step's actions through, and keeps count of what is alive. */
export function memoryPlan(inputs: MemoryInputs): MemoryPlan {
  const bytes = inputs.config.precision === 'bf16' ? BFLOAT16 : FLOAT32;
  const tally = new StepMemory(inputs, bytes).play();
  const parameters = keptBytes(inputs);
  const step = tally.mostOfAll();
  return {
    parameters,
    activations: tally.mostOf('activations'),
    gradients: tally.mostOf('gradients'),
    step,
    peak: PROCESS + parameters + step,
  };
}

/** Node, the program, TensorFlow and the first images: measured with scripts/bench-memory.js. */
const PROCESS = 500 * 2 ** 20;

class StepMemory {
  private readonly tally: StepTally = new Tally();
  /** Outputs: several may need one, the step itself and the passes of layers that keep it. */
  private readonly outputs = new Map<string, { bytes: number; holders: number }>();
  /** By layer: the outputs that its pass keeps, and the bytes that are its own. */
  private readonly passes = new Map<string, { kept: string[]; own: number }>();
  /** Bytes of each signal on its way. */
  private readonly signals = new Map<string, number>();
  /** By layer: how many signals went through early and wait in it. */
  private readonly waiting = new Map<string, number>();
  private readonly backward: BackwardMemory;
  private recomputed = 0;

  constructor(
    private readonly inputs: MemoryInputs,
    private readonly valueBytes: number,
  ) {
    this.backward = new BackwardMemory(
      this.tally,
      (shape) => this.size(shape),
      this.widening(),
      (layer) => this.workspace(layer),
      (layer) => this.gradientBytes(layer),
      (bytes) => this.takeGradient(bytes),
    );
  }

  play(): StepTally {
    const { inputs, tally } = this;
    // From the second micro-batch on the sums of all gradients are there all the time.
    if (this.severalMicroBatches()) tally.add('gradients', this.trained());
    this.hold('input', this.size(inputs.network.input));
    for (const action of inputs.step.microBatch) this.perform(action);
    this.finish();
    return tally;
  }

  private perform(action: Action): void {
    switch (action.do) {
      case 'forward':
        this.forward(action.layer, action.from, action.layer);
        return;
      case 'recompute': {
        // Other outputs than those of the first time, which may still be alive.
        const prefix = `again ${++this.recomputed} `;
        let from = action.from;
        for (const layer of action.layers) {
          this.forward(layer, from, prefix + layer);
          if (from !== action.from) this.letGo(from);
          from = prefix + layer;
        }
        this.letGo(from);
        return;
      }
      case 'loss':
        this.signal(action.loss, this.size([this.inputs.network.classes]));
        return;
      case 'backward':
      case 'early':
        this.down(action);
        return;
      case 'join':
        this.join(action.signal, action.into);
        return;
      case 'free':
        if ('output' in action) this.letGo(action.output);
        else this.release(action.saved);
    }
  }

  private forward(name: string, from: string, output: string): void {
    const layer = this.layer(name);
    const bytes = this.size(layer.output);
    const { tally } = this;
    const keeps = memoryOf(layer);
    const { values = 0, bytes: masks = 0 } = keeps;
    const own = (values * this.valueBytes + masks) * this.inputs.microBatch;
    tally.add('activations', own);
    this.hold(output, bytes);
    const widened =
      keeps.widens && this.widening() > 1 ? this.widening() * (this.size(layer.input) + bytes) : 0;
    tally.pass('activations', widened + this.workspace(layer));
    const kept = [...(keeps.input ? [from] : []), ...(keeps.output ? [output] : [])];
    for (const each of kept) this.hold(each);
    this.passes.set(name, { kept, own });
  }

  private down(action: Extract<Action, { do: 'backward' | 'early' }>): void {
    const layer = this.layer(action.layer);
    const waiting = this.waiting.get(layer.name) ?? 0;
    const early = action.do === 'early';
    for (const name of action.signals) this.signals.delete(name);
    this.backward.through(layer, {
      arriving: action.signals.length,
      carried: action.carry.filter(Boolean).length,
      waiting,
      gradients: action.parameters ? (early ? 'later' : 'now') : null,
    });
    action.signals.forEach((name, i) => {
      if (action.carry[i]) this.signals.set(name, this.size(layer.input));
    });
    this.waiting.set(layer.name, early ? waiting + action.signals.length : 0);
  }

  private signal(name: string, bytes: number): void {
    this.signals.set(name, bytes);
    this.tally.add('activations', bytes);
  }

  /** Two signals become one, or the signal only gets another name. */
  private join(signal: string, into: string): void {
    const bytes = this.signals.get(signal)!;
    this.signals.delete(signal);
    if (this.signals.has(into)) {
      this.tally.add('activations', bytes);
      this.tally.drop('activations', 2 * bytes);
    }
    this.signals.set(into, bytes);
  }

  private hold(output: string, bytes = 0): void {
    const held = this.outputs.get(output);
    if (held) held.holders++;
    else {
      this.outputs.set(output, { bytes, holders: 1 });
      this.tally.add('activations', bytes);
    }
  }

  private letGo(output: string): void {
    const held = this.outputs.get(output)!;
    if (--held.holders > 0) return;
    this.outputs.delete(output);
    this.tally.drop('activations', held.bytes);
  }

  private release(name: string): void {
    const { kept, own } = this.passes.get(name)!;
    this.passes.delete(name);
    for (const output of kept) this.letGo(output);
    this.tally.drop('activations', own);
  }

  /** A gradient is handed out: added to a sum, used at once, or the first of its sum. */
  private takeGradient(bytes: number): void {
    if (this.inputs.updateAtOnce || this.severalMicroBatches()) {
      this.tally.drop('gradients', bytes);
    }
  }

  /** Most bytes of a layer's gradients alive while it hands them out. */
  private gradientBytes(layer: LayerPlan): number {
    const all = trainedBytes(layer);
    const { gradientRows } = memoryOf(layer);
    if (!this.inputs.updateAtOnce || gradientRows === undefined) return all;
    const [rows, ...rest] = layer.parameters[0]!.shape as [number, ...number[]];
    return all - (rows - gradientRows) * volume(rest) * FLOAT32;
  }

  /** What is needed after the last micro-batch, on top of the gradients that are there. */
  private finish(): void {
    const { config, layers } = this.inputs;
    const parameters = [...layers.values()].flatMap(flatten).flatMap((layer) => layer.parameters);
    const largest = FLOAT32 * Math.max(0, ...parameters.map(({ shape }) => volume(shape)));
    const { clipNorm, ema } = config.optimizer;
    if (clipNorm !== undefined) this.tally.pass('gradients', largest);
    if (ema !== undefined) this.tally.pass('gradients', 2 * largest);
  }

  /** What Winograd's convolutions need while they work. */
  private workspace(layer: LayerPlan): number {
    if (this.inputs.config.convolution === 'direct') return 0;
    return memoryOf(layer).workspace?.(this.inputs.microBatch) ?? 0;
  }

  private widening(): number {
    return FLOAT32 / this.valueBytes;
  }

  private severalMicroBatches(): boolean {
    const { config, ranks, microBatch } = this.inputs;
    return config.training.batchSize / ranks > microBatch;
  }

  private trained(): number {
    const all = this.inputs.step.update.map((name) => this.layer(name)).flatMap(flatten);
    return all.reduce((sum, layer) => sum + trainedBytes(layer), 0);
  }

  private size(shape: readonly number[]): number {
    return volume(shape) * this.inputs.microBatch * this.valueBytes;
  }

  private layer(name: string): LayerPlan {
    return this.inputs.layers.get(name)!;
  }
}

/** Every parameter has the optimizer's slots and perhaps a moving average; running statistics have no slots. */
function keptBytes({ config: { optimizer }, layers }: MemoryInputs): number {
  const all = [...layers.values()];
  const copies = optimizer.ema === undefined ? 1 : 2;
  return (
    copies * parameterBytes(all, true) +
    (copies + SLOTS[optimizer.type]) * parameterBytes(all, false)
  );
}
