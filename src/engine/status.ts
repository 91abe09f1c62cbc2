/** What `relaybp engine status` shows: which engines work here, and what the CPU can do. */
import { processors } from '../processors.js';
import { messageOf } from '../system-error.js';
import { cpuModel, instructionSets } from './cpu.js';
import type { EngineInfo, Trial } from './engine.js';
import { type EngineManifest, engineRoot, locateNative } from './locate.js';
import { openEngine } from './select.js';

export interface BackendStatus {
  readonly name: EngineInfo['name'];
  /** Tested by opening it in this process. */
  readonly works: boolean;
  /** Facts about the opened engine; null if it does not work. */
  readonly info: EngineInfo | null;
  /** Why it does not work, in one line; null if it does. */
  readonly problem: string | null;
  /** What was tried on this device, in every precision that the engine has; empty if it does not work. */
  readonly trials: readonly Trial[];
  /** Native only: where it is installed, or null. */
  readonly directory: string | null;
  /** Native only: what was installed, or null. */
  readonly manifest: EngineManifest | null;
}

export interface EngineStatus {
  readonly engines: readonly BackendStatus[];
  /** The one that `auto` takes, or null if none works. */
  readonly auto: EngineInfo['name'] | null;
  /** Folder under which the native engine is looked for. */
  readonly root: string;
  readonly cpu: {
    readonly model: string;
    /** That this process may use: `processors()`. */
    readonly cores: number;
    /** Of the sets that matter here, those that the CPU has; 'unknown' outside Linux. */
    readonly instructionSets: readonly string[] | 'unknown';
  };
  /** Variables of the environment that TensorFlow, oneDNN and relaybp's threads heed. */
  readonly environment: Readonly<Record<string, string>>;
  /** Version of Node, for instance `20.20.2`. */
  readonly node: string;
}

/** Opens every engine once and reports; never throws for an engine that does not work. */
export async function engineStatus(options: { dir?: string } = {}): Promise<EngineStatus> {
  // Opening the native engine sets some.
  const environment = heeded();
  const engines = [await tryEngine('native', options), await tryEngine('wasm', options)];
  return {
    engines,
    auto: engines.find(({ works }) => works)?.name ?? null,
    root: engineRoot(options.dir),
    cpu: {
      model: cpuModel(),
      cores: processors(),
      instructionSets: instructionSets(),
    },
    environment,
    node: process.versions.node,
  };
}

function heeded(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined &&
      /^(DNNL|ONEDNN)_|^TF_.*(ONEDNN|THREADS)|^RELAYBP_PROCESSORS$/.test(name)
        ? [[name, value]]
        : [],
    ),
  );
}

async function tryEngine(
  name: EngineInfo['name'],
  options: { dir?: string },
): Promise<BackendStatus> {
  const location = name === 'native' ? locateNative(options) : undefined;
  const where = { directory: location?.directory ?? null, manifest: location?.manifest ?? null };
  try {
    const { info, trials: first = [] } = await openEngine(name, options);
    const trials = [...first];
    if (name === 'native') {
      const { trials: more = [] } = await openEngine(name, { ...options, precision: 'bf16' });
      const known = new Set(first.map(({ what, type }) => `${type} ${what}`));
      trials.push(...more.filter(({ what, type }) => !known.has(`${type} ${what}`)));
    }
    return { name, works: true, info, problem: null, trials, ...where };
  } catch (error) {
    const problem = messageOf(error);
    return { name, works: false, info: null, problem, trials: [], ...where };
  }
}
