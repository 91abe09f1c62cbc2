import type { Trial } from '../engine/engine.js';
import { installNative } from '../engine/install.js';

export { engineStatus as engineStatusCommand } from '../engine/status.js';

/** `relaybp engine install`: where the engine is now, and what was tried with it. */
export async function engineInstallCommand(
  options: { cuda: boolean; force: boolean; dir?: string },
  log: (line: string) => void,
): Promise<{ directory: string; trials: readonly Trial[] }> {
  const { location } = await installNative({ ...options, log });
  const { openNativeEngine } = await import('../engine/native/opening/open.js');
  const { trials } = await openNativeEngine(location, { precision: 'bf16' });
  return { directory: location.directory, trials };
}
