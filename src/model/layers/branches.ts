import type { BranchesSpec } from '../../config/layers.js';
import type { Engine, Tensor } from '../../engine/engine.js';
import { ConfigError } from '../../errors.js';
import type { Gradient, Layer, Pass } from '../../relay/layer.js';
import type { LayerType, Runtime } from '../layer-type.js';
import type { BranchesPlan, LayerPlan } from '../plan.js';
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
    const runs = plan.paths.map((path) => runPath(path, x, runtime));
    const outputs = runs.map((run) => run.y);
    const y = engine.concat(outputs);
    const sizes = outputs.map((output) => channelsOf(output.shape));
    for (const output of outputs) engine.dispose(output);

    const pass: Pass = {
      backward(signals, carry, parameters) {
        const parts = signals.map((dy) => engine.split(dy, sizes));
        const gradients: Gradient[] = [];
        const ends = runs.map((run, path) => {
          const arriving = parts.map((part) => part[path]!);
          return backPath(engine, run, arriving, carry, parameters, gradients);
        });
        const inputs = signals.map((_, i) =>
          carry[i]
            ? sum(
                engine,
                ends.map((end) => end[i]!),
              )
            : null,
        );
        return { inputs, gradients };
      },
      release() {
        for (const { pass } of runs.flatMap((run) => run.layers)) pass.release();
      },
    };
    return { y, pass };
  },
};

interface PathRun {
  y: Tensor;
  layers: { plan: LayerPlan; pass: Pass }[];
}

function runPath(path: readonly LayerPlan[], x: Tensor, runtime: Runtime): PathRun {
  let y = runtime.engine.retain(x);
  const layers = path.map((plan) => {
    const result: ReturnType<Layer['forward']> = runtime.layer(plan).forward(y);
    runtime.engine.dispose(y);
    y = result.y;
    return { plan, pass: result.pass };
  });
  return { y, layers };
}

/** Takes over `signals`; inside the path they all go on, and part at its lowest layer. */
function backPath(
  engine: Engine,
  run: PathRun,
  signals: Tensor[],
  carry: readonly boolean[],
  parameters: boolean,
  gradients: Gradient[],
): (Tensor | null)[] {
  let arriving: (Tensor | null)[] = signals;
  for (let i = run.layers.length - 1; i >= 0; i--) {
    const { plan, pass } = run.layers[i]!;
    const down = i > 0 ? signals.map(() => true) : carry;
    const present = arriving.map((signal) => signal!);
    const result = pass.backward(present, down, parameters && !plan.frozen);
    for (const signal of present) engine.dispose(signal);
    gradients.push(...result.gradients);
    arriving = result.inputs;
  }
  return arriving;
}

/** Takes over `parts`. */
function sum(engine: Engine, parts: Tensor[]): Tensor {
  const total = engine.add(parts);
  for (const part of parts) engine.dispose(part);
  return total;
}
