import type { ResidualSpec } from '../../config/layers.js';
import { inScope } from '../../engine/scope.js';
import { ConfigError } from '../../errors.js';
import type { Pass } from '../../relay/layer.js';
import type { LayerType } from '../layer-type.js';
import type { ResidualPlan } from '../plan.js';
import { backPaths, releasePaths, runPaths } from './paths.js';

/**
 * A residual block: `body(x) + shortcut(x)`, then ReLU. Without a shortcut of its own the block adds its input. Every
 * signal runs down both paths; below, its input gradient is the sum of the two.
 */
export const residual: LayerType<ResidualSpec, ResidualPlan> = {
  plan(spec, place) {
    const name = place.name('res', spec.name);
    const frozen = place.frozen || spec.frozen;
    const inside = (part: 'body' | 'shortcut', layers: ResidualSpec['layers'], key: string) =>
      place.inside(`${name}.${part}`, layers, frozen, [...place.path, key]);
    const body = inside('body', spec.layers, 'layers');
    const shortcut = spec.shortcut ? inside('shortcut', spec.shortcut, 'shortcut') : [];
    const output = body.at(-1)!.output;
    const added = shortcut.at(-1)?.output ?? place.input;
    if (output.join() !== added.join()) {
      const stride = Math.ceil(place.input[0]! / output[0]!);
      const what = spec.shortcut ? 'its shortcut gives' : 'it has no shortcut, and its input is';
      throw new ConfigError(
        `the layers of a residual block give [${output.join(', ')}], but ${what} [${added.join(', ')}]; to be added they must be equal`,
        `let both end in the same shape, for instance with shortcut: [conv: {filters: ${output.at(-1)}, kernel: 1, stride: ${stride}, relu: false}]`,
        place.path,
      );
    }
    const inner = [...body, ...shortcut];
    return {
      type: 'residual',
      name,
      input: place.input,
      output,
      parameters: [],
      multiplyAdds: inner.reduce((sum, layer) => sum + layer.multiplyAdds, 0),
      frozen,
      body,
      shortcut,
      relu: spec.relu,
    };
  },

  forward(plan, x, runtime) {
    const { engine } = runtime;
    const { runs, y, active } = inScope(engine, (scope) => {
      const runs = runPaths([plan.body, plan.shortcut], x, runtime, scope);
      const sum = scope.temporary(engine.add(runs.map((run) => run.y)));
      for (const run of runs) scope.free(run.y);
      if (!plan.relu) return { runs, y: engine.retain(sum), active: null };
      const { y, saved } = engine.relu(sum);
      return { runs, y, active: saved };
    });

    const pass: Pass = {
      backward: (signals, carry, gradients) =>
        inScope(engine, (scope) => {
          for (const dy of signals) scope.temporary(dy);
          const arriving = signals.map((dy) => {
            if (!active) return dy;
            const dz = scope.temporary(engine.activationGradient(active, dy));
            scope.free(dy);
            return dz;
          });
          const twice = arriving.map((signal) => scope.temporary(engine.retain(signal)));
          return backPaths(engine, runs, [arriving, twice], carry, gradients, scope);
        }),
      release() {
        releasePaths(runs);
        if (active) engine.release(active);
      },
    };
    return { y, pass };
  },
};
