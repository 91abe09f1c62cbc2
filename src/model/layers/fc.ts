import type { FcSpec } from '../../config/layers.js';
import type { Engine, Saved, Tensor } from '../../engine/engine.js';
import { inScope } from '../../engine/scope.js';
import type { Gradient } from '../../relay/layer.js';
import { relaySignals } from '../../relay/signals.js';
import type { LayerType } from '../layer-type.js';
import { type FcPlan, volume } from '../plan.js';
import { namedGradients, weightAndBias } from './weights.js';

/** Fully connected layer with bias and optional ReLU; a map is read row-major: height, width, channels. */
export const fc: LayerType<FcSpec, FcPlan> = {
  plan(spec, place) {
    const name = place.name('fc', spec.name);
    const inputs = volume(place.input);
    const units = spec.units === 'classes' ? place.classes : spec.units;
    return {
      type: 'fc',
      name,
      input: place.input,
      output: [units],
      parameters: weightAndBias(
        name,
        { shape: [inputs, units], axes: ['in', 'out'], fanIn: inputs },
        spec.bias,
      ),
      multiplyAdds: inputs * units,
      frozen: place.frozen || spec.frozen,
      relu: spec.relu,
    };
  },

  forward(plan, x, { engine, parameter }) {
    const [weight, bias] = plan.parameters.map(({ name }) => parameter(name));
    const { y, saved } = inScope(engine, (scope) => {
      const flat = scope.temporary(engine.reshape(x, [x.shape[0]!, volume(plan.input)]));
      return engine.dense(flat, weight!, bias ?? null, plan);
    });
    const shape = x.shape;
    const pass = relaySignals(engine, {
      activation: (dy, last) => engine.activationGradient(saved, dy, last),
      parameterGradients: (dz, inRows) => gradients(engine, plan, saved, dz, inRows),
      inputGradient: (dz) => reshaped(engine, engine.denseInputGradient(saved, dz), shape),
      release: () => engine.release(saved),
    });
    return { y, pass };
  },
};

/** Bytes of a weight gradient that is held whole; of a larger one so much at a time, where the engine can. */
export const LARGEST_GRADIENT = 32 * 2 ** 20;

/** Rows of a weight whose gradient has `LARGEST_GRADIENT` bytes; all of them if it has no more. */
export function gradientRows({ parameters }: Pick<FcPlan, 'parameters'>): number {
  const [inputs, units] = parameters[0]!.shape as [number, number];
  const rows = Math.max(1, Math.floor(LARGEST_GRADIENT / (Float32Array.BYTES_PER_ELEMENT * units)));
  return Math.min(rows, inputs);
}

function* gradients(
  engine: Engine,
  plan: FcPlan,
  saved: Saved,
  dz: Tensor,
  inRows: boolean,
): Iterable<Gradient[]> {
  const [inputs] = plan.parameters[0]!.shape as [number, number];
  const step = gradientRows(plan);
  if (!inRows || !engine.rows || step === inputs) {
    yield namedGradients(plan.name, engine.denseParameterGradient(saved, dz));
    return;
  }
  for (let begin = 0; begin < inputs; begin += step) {
    const rows = [begin, Math.min(begin + step, inputs)] as const;
    const [weight, ...bias] = namedGradients(
      plan.name,
      engine.denseParameterGradient(saved, dz, rows),
    );
    yield [{ ...weight!, rows }, ...bias];
  }
}

/** Takes over `t`. */
function reshaped(engine: Engine, t: Tensor, shape: readonly number[]): Tensor {
  return inScope(engine, (scope) => engine.reshape(scope.temporary(t), shape));
}
