/** Chains of layers inside a composite layer, forward and backward. */
import type { Engine, Tensor } from '../../engine/engine.js';
import type { Scope } from '../../engine/scope.js';
import type { Backward, Pass } from '../../relay/layer.js';
import type { Runtime } from '../layer-type.js';
import type { LayerPlan } from '../plan.js';

/** A forward pass through a path. Whoever made it releases the passes; `y` belongs to the scope it was made in. */
export interface PathRun {
  y: Tensor;
  layers: { plan: LayerPlan; pass: Pass }[];
}

/**
 * Borrows `x`. An empty path passes it on.
 *
 * @param scope owns the outputs, as temporaries; the passes are released by it if something throws
 */
export function runPaths(
  paths: readonly (readonly LayerPlan[])[],
  x: Tensor,
  runtime: Runtime,
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
 */
export function backPaths(
  engine: Engine,
  runs: readonly PathRun[],
  arriving: readonly (readonly Tensor[])[],
  carry: readonly boolean[],
  parameters: boolean,
  scope: Scope,
): Backward {
  const ends = runs.map((run, path) =>
    backPath(engine, run, arriving[path]!, carry, parameters, scope),
  );
  const inputs = carry.map((goesOn, i) => {
    if (!goesOn) return null;
    const parts = ends.map((end) => end.inputs[i]!);
    const sum = scope.result(engine.add(parts));
    for (const part of parts) scope.free(part);
    return sum;
  });
  return { inputs, gradients: ends.flatMap((end) => end.gradients) };
}

/** Gives up `signals`. The scope owns what is returned: the inputs as temporaries, the gradients as results. */
function backPath(
  engine: Engine,
  { layers }: PathRun,
  signals: readonly Tensor[],
  carry: readonly boolean[],
  parameters: boolean,
  scope: Scope,
): Backward {
  let present = signals;
  const gradients: Backward['gradients'] = [];
  const back = ({ plan, pass }: PathRun['layers'][number], on: readonly boolean[]) => {
    const below = pass.backward(present, on, parameters && !plan.frozen);
    for (const { value } of below.gradients) scope.result(value);
    gradients.push(...below.gradients);
    const inputs = below.inputs.map((input) => input && scope.temporary(input));
    for (const signal of present) scope.free(signal);
    return inputs;
  };
  for (const layer of layers.slice(1).reverse()) {
    present = back(
      layer,
      present.map(() => true),
    ).map((input) => input!);
  }
  const [lowest] = layers;
  if (lowest) return { inputs: back(lowest, carry), gradients };
  const inputs = present.map((signal, i) =>
    carry[i] ? scope.temporary(engine.retain(signal)) : null,
  );
  for (const signal of present) scope.free(signal);
  return { inputs, gradients };
}
