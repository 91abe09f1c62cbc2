import { z } from 'zod';
import { winogradGain, winogradIsWorth, winogradWorkspace } from '../../engine/convolution-form.js';
import type { Window } from '../../engine/engine.js';
import { relaySignals } from '../../relay/signals.js';
import { batchNormOfConv, planBatchNorm } from './batchnorm.js';
import { dropoutAfter } from './dropout.js';
import { type AnyLayerPlan, volume } from './layer-plan.js';
import type { LayerType, Place } from './layer-type.js';
import { learning } from './learning.js';
import { repeated } from './repeated.js';
import {
  dropoutRate,
  named,
  PADDING,
  padding,
  pairOf,
  positive,
  relu,
  repeat,
} from './schema-parts.js';
import { describeStride } from './text.js';
import { namedGradients, weightAndBias, weightsInGraph } from './weights.js';
import { channelsOf, resolveWindow } from './window.js';

/**
 * The bias defaults to true, and to false before a batch normalization, which has one of its own. The keys come in
 * one order whichever were given: a printed config prints the same again.
 */
const schema = z
  .strictObject({
    ...named,
    filters: positive.describe('Number of output channels.'),
    kernel: pairOf('kernel').describe('Size of the filters: one number or [height, width].'),
    stride: pairOf('stride')
      .default(1)
      .describe('Step of the window: one number or [height, width].'),
    padding: padding.default('same').describe(PADDING),
    repeat,
    relu: relu(true),
    bias: z
      .boolean()
      .optional()
      .describe('Whether a bias is added; by default unless batchNorm follows.'),
    batchNorm: batchNormOfConv
      .optional()
      .describe(
        'Batch normalization between convolution and ReLU: true, false, or {momentum, epsilon}.',
      ),
    dropout: dropoutRate,
  })
  .transform(({ bias, batchNorm, dropout, ...rest }) => ({
    ...rest,
    bias: bias ?? batchNorm === undefined,
    ...(batchNorm && { batchNorm }),
    dropout,
  }));

export type ConvSpec = z.infer<typeof schema>;

export interface ConvPlan extends AnyLayerPlan {
  readonly type: 'conv';
  readonly window: Window;
  readonly relu: boolean;
}

/** Convolution, bias and ReLU. Filters are `[height, width, in, out]`. */
export const conv: LayerType<ConvSpec, ConvPlan> = {
  about: 'Convolution, with bias and ReLU unless switched off.',
  schema: () => schema,

  /** With batch normalization the ReLU comes after it. */
  plan: (spec, place) =>
    repeated(spec, place, ({ batchNorm, ...one }, at) => {
      const layer = planConv(batchNorm ? { ...one, relu: false } : one, at);
      if (!batchNorm) return [layer, ...dropoutAfter(layer, one.dropout, at)];
      const { relu, frozen, lrFactor } = one;
      const after = { ...at, input: layer.output, name: () => `${layer.name}_bn` };
      const normalization = planBatchNorm({ ...batchNorm, relu, frozen, lrFactor }, after);
      return [layer, normalization, ...dropoutAfter(normalization, one.dropout, at)];
    }),

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

  describe({ window: { kernel, stride }, relu }) {
    const strided = stride[0] * stride[1] > 1 ? `/${describeStride(stride)}` : '';
    return `conv ${kernel.join('x')}${strided}${relu ? ' relu' : ''}`;
  },

  memory: ({ relu, window, input, output }) => ({
    input: true,
    output: relu,
    copies: relu,
    widens: true,
    workspace(images) {
      const [channels, maps] = [input.at(-1)!, [images, ...output]] as const;
      const winograd = winogradIsWorth(winogradGain(window, channels, maps));
      return winograd ? winogradWorkspace(channels, maps) : 0;
    },
  }),

  graph: (plan, x, place) =>
    place.builder.conv(plan.name, x, { ...weightsInGraph(plan, place), window: plan.window }),

  /** `[out, in, height, width]` */
  layout(plan, parameter) {
    if (parameter !== plan.parameters[0]!.name) return null;
    const [height, width, inputs, outputs] = plan.parameters[0]!.shape as Filter;
    return {
      shape: [outputs, inputs, height, width],
      convert: (values, _arriving, turned) =>
        filters(values, [outputs, inputs, height * width], turned),
    };
  },

  leaving: (plan) => ({ parts: [plan.output], image: false }),
};

type Filter = [height: number, width: number, inputs: number, outputs: number];

function planConv(spec: Omit<ConvSpec, 'batchNorm' | 'repeat'>, place: Place): ConvPlan {
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
    ...learning(place, spec),
    window,
    relu: spec.relu,
  };
}

/** `[out, in, positions]` → `[positions, in, out]` */
function filters(
  values: Float32Array,
  [outputs, inputs, positions]: readonly [number, number, number],
  turned: boolean,
): Float32Array {
  const result = new Float32Array(values.length);
  let from = 0;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      const input = turned ? inputs - 1 - i : i;
      for (let p = 0; p < positions; p++) {
        result[(p * inputs + input) * outputs + o] = values[from++]!;
      }
    }
  }
  return result;
}
