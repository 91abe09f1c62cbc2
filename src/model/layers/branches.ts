import { z } from 'zod';
import type { Shape } from '../../engine/engine.js';
import { inScope } from '../../engine/scope.js';
import { ConfigError } from '../../errors.js';
import type { Pass } from '../../relay/layer.js';
import { keptInside } from './layer-memory.js';
import type { AnyLayerPlan } from './layer-plan.js';
import type { LayerEntry, LayerType, Place } from './layer-type.js';
import { learning, within } from './learning.js';
import { backPaths, checkDenseSizes, releasePaths, runPaths } from './paths.js';
import { repeated } from './repeated.js';
import { type CompositeSpec, composite } from './schema-parts.js';
import { channelsOf } from './window.js';

export interface BranchesSpec extends CompositeSpec {
  paths: LayerEntry[][];
}

/** Paths side by side on the same input, joined along the channels. */
export interface BranchesPlan extends AnyLayerPlan {
  readonly type: 'branches';
  readonly paths: readonly (readonly AnyLayerPlan[])[];
}

/**
 * Paths side by side on the same input, joined along the channels. Every signal runs down every path; below, a
 * signal's input gradient is the sum over the paths.
 */
export const branches: LayerType<BranchesSpec, BranchesPlan> = {
  about: 'Paths side by side on the same input, as in Inception.',

  schema: (layers) =>
    z.strictObject({
      ...composite,
      paths: z
        .array(layers)
        .min(2)
        .describe('Lists of layers side by side, joined along the channels.'),
    }),

  plan: (spec, place) => repeated(spec, place, (one, at) => [planBranches(one, at)]),

  paths: (plan) => plan.paths,

  forward(plan, x, runtime) {
    const { engine } = runtime;
    const { y, runs, sizes } = inScope(engine, (scope) => {
      const runs = runPaths(plan.paths, x, runtime, scope);
      const y = engine.concat(runs.map((run) => run.y));
      return { y, runs, sizes: runs.map((run) => channelsOf(run.y.shape)) };
    });

    const pass: Pass = {
      backward: (signals, carry, gradients) =>
        inScope(engine, (scope) => {
          for (const dy of signals) scope.temporary(dy);
          const parts = signals.map((dy) => {
            const split = engine.split(dy, sizes).map((part) => scope.temporary(part));
            scope.free(dy);
            return split;
          });
          const arriving = runs.map((_, path) => parts.map((part) => part[path]!));
          return backPaths(engine, runs, arriving, carry, gradients, scope);
        }),
      release: () => releasePaths(runs),
    };
    return { y, pass };
  },

  describe: (plan) => `${plan.paths.length} branches`,

  memory: (plan, inside) => ({
    input: true,
    output: false,
    ...keptInside(plan.paths, inside),
    copies: true,
  }),

  graph: (plan, _x, { builder, inside }) =>
    builder.concat(plan.name, plan.paths.map(inside), plan.output),

  dense(trained, planned, input, { inside }) {
    const paths = planned.paths.map((path, i) => inside(trained.paths[i]!, path, input));
    const outputs = paths.map((path) => path.at(-1)!.output);
    checkDenseSizes(planned.name, outputs);
    return { ...planned, input, output: joined(outputs), paths };
  },

  leaving(plan, arriving, inside) {
    const ends = plan.paths.map((path) => inside(path, arriving));
    const map = plan.output.length === 3;
    return { parts: map ? [plan.output] : ends.flatMap(({ parts }) => parts), image: false };
  },
};

function planBranches(spec: BranchesSpec, place: Place): BranchesPlan {
  const name = place.name('branch', spec.name);
  const inner = within(place, spec);
  const { input } = place;
  const paths = spec.paths.map((entries, i) =>
    place.inside(`${name}.p${i + 1}`, entries, {
      input,
      ...inner,
      path: [...place.path, 'paths', i],
    }),
  );
  const outputs = paths.map((path) => path.at(-1)!.output);
  const maps = outputs.map((output) => output.slice(0, -1).join('x'));
  if (new Set(maps).size > 1) {
    throw new ConfigError(
      `the paths end in maps of different sizes: ${maps.join(', ')}; to be joined they must be equal`,
      'adjust stride and padding',
      place.path,
    );
  }
  return {
    type: 'branches',
    name,
    input,
    output: joined(outputs),
    parameters: [],
    multiplyAdds: paths.flat().reduce((sum, layer) => sum + layer.multiplyAdds, 0),
    ...learning(place, spec),
    paths,
  };
}

/** Along the channels. */
const joined = (outputs: readonly Shape[]): Shape => [
  ...outputs[0]!.slice(0, -1),
  outputs.reduce((sum, output) => sum + channelsOf(output), 0),
];
