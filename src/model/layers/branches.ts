import type { BranchesSpec } from '../../config/layers.js';
import { inScope } from '../../engine/scope.js';
import { ConfigError } from '../../errors.js';
import type { Pass } from '../../relay/layer.js';
import type { LayerType } from '../layer-type.js';
import type { BranchesPlan } from '../plan.js';
import { backPaths, releasePaths, runPaths } from './paths.js';
import { channelsOf } from './window.js';

/**
 * Paths side by side on the same input, joined along the channels. Every signal runs down every path; below, a
 * signal's input gradient is the sum over the paths.
 */
export const branches: LayerType<BranchesSpec, BranchesPlan> = {
  plan(spec, place) {
    const name = place.name('branch', spec.name);
    const frozen = place.frozen || spec.frozen;
    const paths = spec.paths.map((specs, i) =>
      place.inside(`${name}.p${i + 1}`, specs, frozen, [...place.path, 'paths', i]),
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
      input: place.input,
      output: [
        ...outputs[0]!.slice(0, -1),
        outputs.reduce((sum, output) => sum + channelsOf(output), 0),
      ],
      parameters: [],
      multiplyAdds: paths.flat().reduce((sum, layer) => sum + layer.multiplyAdds, 0),
      frozen,
      paths,
    };
  },

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
};
