import type { Engine } from '../engine/engine.js';

/** Returns when the engine has done all it was told. On a CPU operations are done when they return. */
export function waitFor(engine: Engine): void {
  if (engine.info.device === 'cpu') return;
  // Operations on a GPU run in order: whoever reads a value of the last one has waited for all.
  const probe = engine.zeros([1]);
  engine.squaredNorm(probe);
  engine.dispose(probe);
}
