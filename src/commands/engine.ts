import { installMpi } from '../distributed/install-mpi.js';
import type { MpiName } from '../distributed/locate-mpi.js';
import type { Trial } from '../engine/engine.js';
import { installNative } from '../engine/install.js';
import { type Hooks, listening } from './hooks.js';

export { engineStatus as engineStatusCommand } from '../engine/status.js';

export interface EngineInstallOptions {
  /** With CUDA 12, for NVIDIA GPUs. */
  cuda?: boolean;
  /** Install again. */
  force?: boolean;
  /** Where engines are; default: a per-user cache folder. */
  dir?: string;
}

/** `relaybp engine install --mpi`: the folder that it is in. */
export function mpiInstallCommand(
  { mpi, ...options }: Omit<EngineInstallOptions, 'cuda'> & { mpi: MpiName },
  hooks: Hooks = {},
): Promise<string> {
  return installMpi({ ...options, name: mpi, log: listening(hooks).notice });
}

/** `relaybp engine install`: where the engine is now, and what was tried with it. */
export async function engineInstallCommand(
  options: EngineInstallOptions = {},
  hooks: Hooks = {},
): Promise<{ directory: string; trials: readonly Trial[] }> {
  const { location } = await installNative({ ...options, log: listening(hooks).notice });
  const { openNativeEngine } = await import('../engine/native/opening/open.js');
  const { trials } = await openNativeEngine(location, { precision: 'bf16' });
  return { directory: location.directory, trials };
}
