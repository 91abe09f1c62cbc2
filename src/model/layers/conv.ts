import type { ConvSpec } from '../../config/layers.js';
import { relaySignals } from '../../relay/signals.js';
import type { LayerType } from '../layer-type.js';
import { type ConvPlan, volume } from '../plan.js';
import { namedGradients, weightAndBias } from './weights.js';
import { channelsOf, resolveWindow } from './window.js';

/** Convolution, bias and ReLU. Filters are `[height, width, in, out]`. */
export const conv: LayerType<ConvSpec, ConvPlan> = {
  plan(spec, place) {
    const { window, output } = resolveWindow({ ...spec, rounding: 'floor' }, place);
    const name = place.name('conv', spec.name);
    const channels = channelsOf(place.input);
    const shape = [...window.kernel, channels, spec.filters];
    const fanIn = window.kernel[0] * window.kernel[1] * channels;
    return {
      type: 'conv',
      name,
      input: place.input,
      output: [...output, spec.filters],
      parameters: weightAndBias(
        name,
        { shape, axes: ['height', 'width', 'in', 'out'], fanIn },
        spec.bias,
      ),
      multiplyAdds: volume(output) * volume(shape),
      frozen: place.frozen || spec.frozen,
      window,
      relu: spec.relu,
    };
  },

  forward(plan, x, { engine, parameter }) {
    const [weight, bias] = plan.parameters.map(({ name }) => parameter(name));
    const { y, saved } = engine.conv(x, weight!, bias ?? null, plan);
    const pass = relaySignals(engine, {
      activation: (dy, last) => engine.activationGradient(saved, dy, last),
      parameterGradients: (dz) => [
        namedGradients(plan.name, engine.convParameterGradient(saved, dz)),
      ],
      inputGradient: (dz) => engine.convInputGradient(saved, dz),
      release: () => engine.release(saved),
    });
    return { y, pass };
  },
};
