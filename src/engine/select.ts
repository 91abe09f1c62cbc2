/** Choosing and opening an engine. Backends are imported only when opened: they take long to load. */
import { addressSpaceLimit } from '../address-space.js';
import { EngineError } from '../errors.js';
import { messageOf } from '../system-error.js';
import type { ConvolutionChoice } from './convolution-form.js';
import type { Engine, PrecisionChoice } from './engine.js';
import { engineRoot, locateNative } from './locate.js';

export const ENGINE_CHOICES = ['auto', 'native', 'wasm'] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

/** How much faster a training is on the native engine, the demo's small network and larger ones, measured on two cores. */
const SPEED_UP = '1.5 to 8 times';
const INSTALL_HINT = 'Install it: relaybp engine install';

export interface OpenOptions {
  /** Folder under which engines are installed; see `engineRoot`. */
  dir?: string;
  /** Default `float32`. */
  precision?: PrecisionChoice;
  /** Of the native engine; default `auto`. */
  convolution?: ConvolutionChoice;
  /** Takes a line that the user should see: which engine or precision `auto` took, and why. */
  onNotice?: (line: string) => void;
}

/**
 * Opens the native or the portable engine, or, with `auto`, the native one if it is installed and works.
 * @throws EngineError if `native` is not installed, or the chosen engine does not work or not in this precision
 */
export async function openEngine(choice: EngineChoice, options: OpenOptions = {}): Promise<Engine> {
  sayNarrow(options);
  switch (choice) {
    case 'native':
      return openNative(options);
    case 'wasm':
      return openWasm(options);
    case 'auto':
      return openBest(options);
  }
}

/** Node's threads reserve address space too; where there is none left, V8 aborts, and no one can say why. */
const NARROW = 4 * 2 ** 30;

function sayNarrow({ onNotice }: OpenOptions): void {
  const limit = addressSpaceLimit(NARROW);
  if (!limit || limit.bytes >= NARROW) return;
  onNotice?.(`${limit.said}: a training may abort without a message. To be safe, ${limit.fix}`);
}

async function openNative(options: OpenOptions): Promise<Engine> {
  const location = locateNative(options);
  if (!location) {
    const message = `the native engine is not installed (looked in ${engineRoot(options.dir)})`;
    throw new EngineError(message, INSTALL_HINT);
  }
  const { openNativeEngine } = await import('./native/opening/open.js');
  return openNativeEngine(location, options);
}

async function openWasm({ precision, convolution, onNotice }: OpenOptions): Promise<Engine> {
  if (precision === 'bf16') {
    throw new EngineError(
      'precision bf16: the portable wasm engine computes in float32 only',
      'use the native engine (relaybp engine install), or precision: float32',
    );
  }
  if (precision === 'auto') onNotice?.('Precision float32: the only one of the wasm engine.');
  const { openWasmEngine } = await import('./wasm/wasm-engine.js');
  return openWasmEngine(convolution ? { convolution } : {});
}

async function openBest(options: OpenOptions): Promise<Engine> {
  if (!locateNative(options)) {
    options.onNotice?.(
      'Using the portable wasm engine. The native engine trains ' +
        `${SPEED_UP} faster; install it with: relaybp engine install`,
    );
    return openWasm(options);
  }
  try {
    return await openNative(options);
  } catch (error) {
    const reason = messageOf(error);
    const hint = error instanceof EngineError ? error.hint : undefined;
    options.onNotice?.(
      `Using the portable wasm engine, as the installed native engine does not work: ${reason}. ` +
        `Native trains ${SPEED_UP} faster${hint ? `. To use it: ${hint}` : ''}`,
    );
    return openWasm(options);
  }
}
