import type { NativeLocation } from '../../src/engine/locate.js';
import { openNativeEngine } from '../../src/engine/native/opening/open.js';

/** Why convolutions cannot multiply bfloat16 on this device, or null: tests that force them to are skipped then. */
export async function bf16ProductsProblem(
  location: Pick<NativeLocation, 'binding'>,
): Promise<string | null> {
  const forced = { precision: 'bf16', bf16Products: true } as const;
  const { trials } = await openNativeEngine(location, forced);
  const trial = trials.find(({ what }) => what.includes('Conv2D and its gradients'));
  if (!trial) throw new Error('no trial of convolutions in bfloat16');
  return trial.problem;
}
