/** Chains of layers inside a composite layer, forward and backward. */
import type { Engine, Tensor } from '../../engine/engine.js';
import type { GradientSink, Pass } from '../../relay/layer.js';
import type { Runtime } from '../layer-type.js';
import type { LayerPlan } from '../plan.js';

/** A forward pass through a path. Whoever made it disposes of `y` and releases the passes. */
export interface PathRun {
  y: Tensor;
  layers: { plan: LayerPlan; pass: Pass }[];
}

/** Borrows `x`. An empty path passes it on. */
export function runPath(path: readonly LayerPlan[], x: Tensor, runtime: Runtime): PathRun {
  let y = runtime.engine.retain(x);
  const layers = path.map((plan) => {
    const result = runtime.layer(plan).forward(y);
    runtime.engine.dispose(y);
    y = result.y;
    return { plan, pass: result.pass };
  });
  return { y, layers };
}

export function releasePaths(runs: readonly PathRun[]): void {
  for (const { pass } of runs.flatMap((run) => run.layers)) pass.release();
}

/**
 * Sends signals down every path, and adds up what comes out below: per signal the sum of its input gradients.
 * Inside a path all signals go on, and part at its lowest layer.
 *
 * @param arriving for each path its signals; taken over
 * @param gradients as in `Pass.backward`
 */
export function backPaths(
  engine: Engine,
  runs: readonly PathRun[],
  arriving: readonly (readonly Tensor[])[],
  carry: readonly boolean[],
  gradients: GradientSink | 'later' | null,
): (Tensor | null)[] {
  const ends = runs.map((run, path) => backPath(engine, run, arriving[path]!, carry, gradients));
  return carry.map((goesOn, i) => {
    if (!goesOn) return null;
    const parts = ends.map((end) => end[i]!);
    const sum = engine.add(parts);
    for (const part of parts) engine.dispose(part);
    return sum;
  });
}

/** Takes over `signals`. */
function backPath(
  engine: Engine,
  { layers }: PathRun,
  signals: readonly Tensor[],
  carry: readonly boolean[],
  gradients: GradientSink | 'later' | null,
): (Tensor | null)[] {
  let present: readonly (Tensor | null)[] = signals;
  for (let i = layers.length - 1; i >= 0; i--) {
    const { plan, pass } = layers[i]!;
    const arriving = present.map((signal) => signal!);
    const goesOn = i > 0 ? present.map(() => true) : carry;
    present = pass.backward(arriving, goesOn, plan.frozen ? null : gradients);
  }
  if (layers.length > 0) return [...present];
  return signals.map((signal, i) => {
    if (carry[i]) return signal;
    engine.dispose(signal);
    return null;
  });
}
