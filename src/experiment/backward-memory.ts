import { volume } from '../model/layers/layer-plan.js';
import type { LayerPlan } from '../model/layers/table.js';
import { memoryOf, parametersOf, pathsOf } from '../model/network-plan.js';
import type { Tally } from './tally.js';

/** What is alive during a step: activations, masks and signals; and gradients of parameters. */
export type StepTally = Tally<'activations' | 'gradients'>;

/** Signals on their way through a layer. */
export interface Passage {
  /** How many arrive; they are alive and go as they are used. */
  readonly arriving: number;
  /** How many of them go on below. */
  readonly carried: number;
  /** Others that came before and wait inside; see `Pass.backward`. */
  readonly waiting: number;
  /** The parameters' gradients are taken now, or these signals wait for them; null: none is wanted. */
  readonly gradients: 'now' | 'later' | null;
  /** Someone else still needs the signals that arrive. */
  readonly shared?: boolean;
}

/** What a backward pass allocates and frees, in the order of `relaySignals` and of the layers' own passes. */
export class BackwardMemory {
  /**
   * @param bytesOf bytes of an activation or signal of this shape, of all images of a micro-batch
   * @param widening how many times as large a convolution's operands are while it works on them
   * @param workspaceOf bytes that an operation of this layer needs while it works
   * @param gradientsOf most bytes of a layer's gradients that are alive at once
   * @param found a parameter gradient of so many bytes is handed out, alive
   */
  constructor(
    private readonly tally: StepTally,
    private readonly bytesOf: (shape: readonly number[]) => number,
    private readonly widening: number,
    private readonly workspaceOf: (layer: LayerPlan) => number,
    private readonly gradientsOf: (layer: LayerPlan) => number,
    private readonly found: (bytes: number) => void,
  ) {}

  through(layer: LayerPlan, passage: Passage): void {
    const gradients = layer.frozen ? null : passage.gradients;
    if (pathsOf(layer).length > 0) this.composite(layer, passage);
    else if (memoryOf(layer).signalBySignal) this.signalBySignal(layer, { ...passage, gradients });
    else this.simple(layer, { ...passage, gradients });
  }

  private simple(
    layer: LayerPlan,
    { arriving, carried, waiting, gradients, shared }: Passage,
  ): void {
    const { tally } = this;
    const [arrives, below] = [this.bytesOf(layer.output), this.bytesOf(layer.input)];
    const weighted = layer.parameters.length > 0;
    const { copies: activated = false, widens } = memoryOf(layer);
    const wide = widens ? this.widening : 1;
    /** Bytes of a signal before the activation. */
    const out = activated ? wide * arrives : arrives;
    if (activated) {
      for (let i = 0; i < arriving; i++) {
        tally.add('activations', out);
        if (!shared) tally.drop('activations', arrives);
      }
    }
    /** The operands as an operation of the convolution sees them. */
    const operate = (): void => {
      const widened = wide > 1 ? wide * below + wide * arrives - (activated ? out : 0) : 0;
      tally.pass('activations', widened + this.workspaceOf(layer));
    };
    const summed = weighted && gradients === 'now';
    /** The sum of several signals is a tensor of its own, that of one is that one. */
    const several = waiting + arriving > 1;
    if (summed && several) tally.add('activations', out);
    if (summed) tally.drop('activations', waiting * out);
    const stays = (weighted && gradients === 'later') || (shared === true && !activated);
    for (let i = 0; i < arriving; i++) {
      if (i < carried) {
        operate();
        tally.add('activations', below);
      }
      if (!stays && !(summed && !several)) tally.drop('activations', out);
    }
    if (!summed) return;
    operate();
    const gradient = this.gradientsOf(layer);
    tally.add('gradients', gradient);
    this.found(gradient);
    if (several || !stays) tally.drop('activations', out);
  }

  private signalBySignal(
    layer: LayerPlan,
    { arriving, carried, gradients, shared }: Passage,
  ): void {
    const { tally } = this;
    const bytes = this.bytesOf(layer.output);
    const activated = memoryOf(layer).copies;
    for (let i = 0; i < arriving; i++) {
      if (activated) tally.add('activations', bytes);
      if (activated && !shared) tally.drop('activations', bytes);
      tally.add('activations', bytes);
      if (activated || !shared) tally.drop('activations', bytes);
      if (i >= carried) tally.drop('activations', bytes);
    }
    if (gradients !== 'now') return;
    const gradient = this.gradientsOf(layer);
    tally.add('gradients', gradient);
    this.found(gradient);
  }

  /** Signals run down path after path; below, what comes out of the paths is added up. */
  private composite(
    layer: LayerPlan,
    { arriving, carried, waiting, gradients, shared }: Passage,
  ): void {
    const { tally } = this;
    const [out, below] = [this.bytesOf(layer.output), this.bytesOf(layer.input)];
    const paths = pathsOf(layer);
    const { copies: copied = false, shares } = memoryOf(layer);
    for (let i = 0; copied && i < arriving; i++) {
      tally.add('activations', out);
      if (!shared) tally.drop('activations', out);
    }
    const heldOutside = shared === true && !copied;
    paths.forEach((path, p) => {
      const heldForOthers = shares === true && p < paths.length - 1;
      for (let i = path.length - 1; i >= 0; i--) {
        this.through(path[i]!, {
          arriving,
          carried: i > 0 ? arriving : carried,
          waiting,
          gradients,
          shared: i === path.length - 1 && (heldForOthers || heldOutside),
        });
      }
      if (path.length === 0 && !heldOutside) tally.drop('activations', (arriving - carried) * out);
    });
    for (let i = 0; i < carried; i++) {
      tally.add('activations', below);
      tally.drop('activations', paths.length * below);
    }
  }
}

const FLOAT_BYTES = 4;

/** Of a layer's own parameters; gradients are float32. */
export function trainedBytes(layer: LayerPlan): number {
  if (layer.frozen) return 0;
  const trained = layer.parameters.filter(({ state }) => !state);
  return FLOAT_BYTES * trained.reduce((sum, { shape }) => sum + volume(shape), 0);
}

/** Of a layer with everything inside it. */
export function parameterBytes(layers: readonly LayerPlan[], state: boolean): number {
  const counted = parametersOf(layers).filter((parameter) => (parameter.state ?? false) === state);
  return FLOAT_BYTES * counted.reduce((sum, { shape }) => sum + volume(shape), 0);
}
