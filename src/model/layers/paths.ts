/** Chains of layers inside a composite layer, forward and backward. */
import type { Engine, Shape, Tensor } from '../../engine/engine.js';
import type { Scope } from '../../engine/scope.js';
import { ConfigError } from '../../errors.js';
import type { GradientSink, Pass } from '../../relay/layer.js';
import type { AnyLayerPlan } from './layer-plan.js';
import type { LayerRuntime } from './layer-type.js';

/** A forward pass through a path. Whoever made it releases the passes; `y` belongs to the scope it was made in. */
export interface PathRun {
  y: Tensor;
  layers: { plan: AnyLayerPlan; pass: Pass }[];
}

/**
 * Borrows `x`. An empty path passes it on.
 *
 * @param scope owns the outputs, as temporaries; the passes are released by it if something throws
 */
export function runPaths(
  paths: readonly (readonly AnyLayerPlan[])[],
  x: Tensor,
  runtime: LayerRuntime,
  scope: Scope,
): PathRun[] {
  return paths.map((path) => {
    let y = scope.temporary(runtime.engine.retain(x));
    const layers = path.map((plan) => {
      const result = runtime.layer(plan).forward(y);
      scope.free(y);
      y = scope.temporary(result.y);
      scope.undo(() => result.pass.release());
      return { plan, pass: result.pass };
    });
    return { y, layers };
  });
}

export function releasePaths(runs: readonly PathRun[]): void {
  for (const { pass } of runs.flatMap((run) => run.layers)) pass.release();
}

/**
 * Sends signals down every path, and adds up what comes out below: per signal the sum of its input gradients.
 * Inside a path all signals go on, and part at its lowest layer.
 *
 * @param arriving for each path its signals: temporaries of the scope, which are given up on the way
 * @param gradients as in `Pass.backward`
 */
export function backPaths(
  engine: Engine,
  runs: readonly PathRun[],
  arriving: readonly (readonly Tensor[])[],
  carry: readonly boolean[],
  gradients: GradientSink | 'later' | null,
  scope: Scope,
): (Tensor | null)[] {
  const ends = runs.map((run, path) =>
    backPath(engine, run, arriving[path]!, carry, gradients, scope),
  );
  return carry.map((goesOn, i) => {
    if (!goesOn) return null;
    const parts = ends.map((end) => end[i]!);
    const sum = scope.result(engine.add(parts));
    for (const part of parts) scope.free(part);
    return sum;
  });
}

/** Gives up `signals`. What is returned are temporaries of the scope. */
function backPath(
  engine: Engine,
  { layers }: PathRun,
  signals: readonly Tensor[],
  carry: readonly boolean[],
  gradients: GradientSink | 'later' | null,
  scope: Scope,
): (Tensor | null)[] {
  let present: readonly (Tensor | null)[] = signals;
  for (let i = layers.length - 1; i >= 0; i--) {
    const { plan, pass } = layers[i]!;
    // The layer takes the signals over.
    const arriving = present.map((signal) => engine.retain(signal!));
    for (const signal of present) scope.free(signal!);
    const goesOn = i > 0 ? present.map(() => true) : carry;
    const below = pass.backward(arriving, goesOn, plan.frozen ? null : gradients);
    present = below.map((signal) => signal && scope.temporary(signal));
  }
  if (layers.length > 0) return [...present];
  return signals.map((signal, i) => {
    if (carry[i]) return signal;
    scope.free(signal);
    return null;
  });
}

/** Paths that end in maps of one size in training need not at another. @throws ConfigError where they do not */
export function checkDenseSizes(name: string, outputs: readonly Shape[]): void {
  const maps = new Set(outputs.map((output) => output.slice(0, -1).join('x') || 'a vector'));
  if (maps.size === 1) return;
  throw new ConfigError(`the paths of ${name} end in different sizes: ${[...maps].join(', ')}`);
}
