import { z } from 'zod';
import { inScope } from '../../engine/scope.js';
import { ConfigError } from '../../errors.js';
import type { Pass } from '../../relay/layer.js';
import { keptInside } from './layer-memory.js';
import type { AnyLayerPlan } from './layer-plan.js';
import type { LayerEntry, LayerType, Place } from './layer-type.js';
import { learning, within } from './learning.js';
import { backPaths, checkDenseSizes, releasePaths, runPaths } from './paths.js';
import { repeated } from './repeated.js';
import { type CompositeSpec, composite, relu } from './schema-parts.js';

export interface ResidualSpec extends CompositeSpec {
  layers: LayerEntry[];
  shortcut?: LayerEntry[];
  relu: boolean;
}

/** `body(x) + shortcut(x)`, then ReLU where asked for. An empty shortcut passes its input on. */
export interface ResidualPlan extends AnyLayerPlan {
  readonly type: 'residual';
  readonly body: readonly AnyLayerPlan[];
  readonly shortcut: readonly AnyLayerPlan[];
  readonly relu: boolean;
}

/**
 * A residual block: `body(x) + shortcut(x)`, then ReLU. Without a shortcut of its own the block adds its input. Every
 * signal runs down both paths; below, its input gradient is the sum of the two.
 */
export const residual: LayerType<ResidualSpec, ResidualPlan> = {
  about: 'layers(x) + shortcut(x), then ReLU, as in ResNet.',

  schema: (layers) =>
    z.strictObject({
      ...composite,
      layers: layers.describe('The layers of the body.'),
      shortcut: layers
        .optional()
        .describe('Layers on the shortcut; without it the input itself is added.'),
      relu: relu(true),
    }),

  plan: (spec, place) => repeated(spec, place, (one, at) => [planResidual(one, at)]),

  paths: (plan) => [plan.body, plan.shortcut],

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

  describe: (plan) => `residual, ${plan.shortcut.length > 0 ? 'projection' : 'identity'}`,

  memory: (plan, inside) => ({
    input: true,
    output: plan.relu,
    ...keptInside([plan.body, plan.shortcut], inside),
    copies: plan.relu,
    shares: true,
  }),

  graph(plan, _x, { builder, inside }) {
    const sum = builder.add(plan.name, inside(plan.body), inside(plan.shortcut));
    return plan.relu ? builder.relu(`${plan.name}_relu`, sum) : sum;
  },

  dense(trained, planned, input, { inside }) {
    const body = inside(trained.body, planned.body, input);
    const shortcut = inside(trained.shortcut, planned.shortcut, input);
    const output = body.at(-1)!.output;
    checkDenseSizes(planned.name, [output, shortcut.at(-1)?.output ?? input]);
    return { ...planned, input, output, body, shortcut };
  },

  leaving(plan, arriving, inside) {
    const body = inside(plan.body, arriving);
    inside(plan.shortcut, arriving);
    return { parts: plan.output.length === 3 ? [plan.output] : body.parts, image: false };
  },
};

function planResidual(spec: ResidualSpec, place: Place): ResidualPlan {
  const name = place.name('res', spec.name);
  const parts = within(place, spec);
  const inside = (part: 'body' | 'shortcut', layers: ResidualSpec['layers'], key: string) =>
    place.inside(`${name}.${part}`, layers, {
      input: place.input,
      ...parts,
      path: [...place.path, key],
    });
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
    ...learning(place, spec),
    body,
    shortcut,
    relu: spec.relu,
  };
}
