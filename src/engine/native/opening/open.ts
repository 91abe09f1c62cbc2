/** Opening the native engine: in which types it computes, and by which operations, is found out here. */
import { dirname } from 'node:path';
import type { ConvolutionChoice } from '../../convolution-form.js';
import type { Precision, PrecisionChoice, Trial } from '../../engine.js';
import { NativeEngine } from '../native-engine.js';
import { loadBinding } from '../runtime/binding.js';
import { loadQuietly } from '../runtime/binding-loader.js';
import { elementsFor } from '../runtime/mode.js';
import { Runtime } from '../runtime/runtime.js';
import { findAbilities, findBf16Products } from './abilities.js';
import { Trials } from './trials.js';

export interface NativeOptions {
  /** Default `float32`. */
  precision?: PrecisionChoice;
  /** Takes a line that says what `auto` chose, and why. */
  onNotice?: (line: string) => void;
  /** Default `auto`: Winograd's form where it is faster. `winograd`: wherever it can compute a convolution, for tests. */
  convolution?: ConvolutionChoice | 'winograd';
  /** Only operations that every device has, as on a GPU: for tests. */
  portable?: boolean;
  /** Whether convolutions multiply bfloat16 under `bf16`, also where float32 is faster, if they can: for tests. */
  bf16Products?: boolean;
}

/**
 * Loads TensorFlow and returns the engine on it. Several engines of one process share the library, not tensors.
 * @param location where the compiled binding lies; see `locateNative`
 * @throws EngineError if it does not load
 */
export async function openNativeEngine(
  location: { binding: string },
  options: NativeOptions = {},
): Promise<NativeEngine> {
  const { onNotice } = options;
  const binding = loadBinding(location.binding, onNotice);
  const { portable = binding.isUsingGpuDevice() } = options;
  const { precision: choice = 'float32', convolution = 'auto' } = options;
  const trials = new Trials(binding);
  // TensorFlow logs what is not there; the trials say so.
  const [elements, abilities] = loadQuietly(dirname(location.binding), () => {
    const gpu = binding.isUsingGpuDevice();
    const bf16Products =
      choice !== 'float32' && findBf16Products(trials, gpu, options.bf16Products);
    const wanted = choice === 'auto' ? (bf16Products ? 'bf16' : 'float32') : choice;
    const found = elementsFor(wanted, bf16Products);
    return [found, findAbilities(trials, found, portable, convolution)] as const;
  });
  const engine = new NativeEngine(new Runtime(binding, { ...elements, ...abilities }), trials.done);
  if (choice === 'auto') onNotice?.(CHOSEN[engine.info.precision]);
  noteReplacements(trials.done, engine.info.precision, onNotice);
  return engine;
}

const CHOSEN: Readonly<Record<Precision, string>> = {
  bf16: 'Precision bf16: this device multiplies bfloat16 faster than float32.',
  float32:
    'Precision float32: this device has no fast bfloat16 multiplication (AMX, or a GPU of compute capability 8); bf16 would save memory, not time.',
};

/** Says once what runs slower on this device than on others. */
function noteReplacements(
  trials: readonly Trial[],
  precision: Precision,
  onNotice: NativeOptions['onNotice'],
): void {
  const missing = trials.filter(
    ({ problem, slight, type }) =>
      problem !== null && !slight && (type === 'float32' || type === precision),
  );
  if (missing.length === 0) return;
  const names = missing.map(({ what, type }) => `${what} in ${type}`).join(', ');
  const advice = precision === 'bf16' ? ' bf16 saves memory here, not time.' : '';
  onNotice?.(
    `Computed by other means on this device, as exactly, but slower than on one that has them: ${names}.${advice} Why: relaybp engine status`,
  );
}
