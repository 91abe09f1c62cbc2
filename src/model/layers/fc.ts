import type { FcSpec } from '../../config/layers.js';
import type { Engine, Tensor } from '../../engine/engine.js';
import { inScope } from '../../engine/scope.js';
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
      activation: (dy) => engine.activationGradient(saved, dy),
      parameterGradient: (dz) =>
        namedGradients(plan.name, engine.denseParameterGradient(saved, dz)),
      inputGradient: (dz) => reshaped(engine, engine.denseInputGradient(saved, dz), shape),
      release: () => engine.release(saved),
    });
    return { y, pass };
  },
};

/** Takes over `t`. */
function reshaped(engine: Engine, t: Tensor, shape: readonly number[]): Tensor {
  return inScope(engine, (scope) => engine.reshape(scope.temporary(t), shape));
}
