import { z } from 'zod';
import type { Engine, Saved, Tensor } from '../../engine/engine.js';
import { inScope } from '../../engine/scope.js';
import type { Gradient } from '../../relay/layer.js';
import { relaySignals } from '../../relay/signals.js';
import { asConvolution } from './as-convolution.js';
import { dropoutAfter } from './dropout.js';
import { type AnyLayerPlan, volume } from './layer-plan.js';
import type { LayerType, Place } from './layer-type.js';
import { learning } from './learning.js';
import { dropoutRate, named, positive, relu } from './schema-parts.js';
import { channelFirstRows } from './weight-layout.js';
import { namedGradients, weightAndBias, weightsInGraph } from './weights.js';

const schema = z.strictObject({
  ...named,
  units: z
    .union([positive, z.literal('classes')], {
      error: 'units: a positive integer or "classes"',
    })
    .describe('Number of output features; `classes` stands for the number of classes.'),
  relu: relu(false),
  bias: z.boolean().default(true).describe('Whether a bias is added.'),
  dropout: dropoutRate,
});

type FcSpec = z.infer<typeof schema>;

/** Reads its input flattened row-major: height, width, channels. */
export interface FcPlan extends AnyLayerPlan {
  readonly type: 'fc';
  readonly relu: boolean;
}

/** Fully connected layer with bias and optional ReLU; a map is read row-major: height, width, channels. */
export const fc: LayerType<FcSpec, FcPlan> = {
  about: 'Fully connected layer; a map is read row by row.',
  schema: () => schema,

  plan(spec, place) {
    const layer = planFc(spec, place);
    return [layer, ...dropoutAfter(layer, spec.dropout, place)];
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

  describe: (plan) => (plan.relu ? 'fc relu' : 'fc'),

  memory: (plan) => ({
    input: true,
    output: plan.relu,
    copies: plan.relu,
    gradientRows: gradientRows(plan),
  }),

  graph(plan, x, place) {
    const { name, input } = plan;
    const flat = input.length === 1 ? x : place.builder.flatten(`${name}_input`, x, input);
    return place.builder.dense(name, flat, weightsInGraph(plan, place));
  },

  /** At every position of a map, or of a map larger than in training, it is a convolution. */
  dense(trained, planned, input) {
    const isVector = planned.input.length === 1;
    const kernel = isVector ? ([1, 1] as const) : (trained.input.slice(0, 2) as [number, number]);
    return asConvolution(trained, input, kernel);
  },

  /** `[out, in]`, its inputs channel first. timm writes VGG's as convolutions: the same values in the same order. */
  layout(plan, parameter) {
    if (parameter !== plan.parameters[0]!.name) return null;
    const [inputs, outputs] = plan.parameters[0]!.shape as [number, number];
    return {
      shape: [outputs, inputs],
      fits: (shape) => shape[0] === outputs && volume(shape) === inputs * outputs,
      convert: (values, { parts }, turned) =>
        rowsFrom(values, channelFirstRows(parts, turned), outputs),
    };
  },

  leaving: (plan) => ({ parts: [[1, 1, ...plan.output]], image: false }),
};

function planFc(spec: FcSpec, place: Place): FcPlan {
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
    ...learning(place, spec),
    relu: spec.relu,
  };
}

/** `[out, in]` → `[in, out]`, row i taken from the input `source[i]`. */
function rowsFrom(values: Float32Array, source: Int32Array, outputs: number): Float32Array {
  const inputs = source.length;
  const result = new Float32Array(values.length);
  for (let i = 0; i < inputs; i++) {
    const from = source[i]!;
    for (let o = 0; o < outputs; o++) result[i * outputs + o] = values[o * inputs + from]!;
  }
  return result;
}

/** Bytes of a weight gradient that is held whole; of a larger one so much at a time, where the engine can. */
const LARGEST_GRADIENT = 32 * 2 ** 20;

/** Rows of a weight whose gradient has `LARGEST_GRADIENT` bytes; all of them if it has no more. */
function gradientRows({ parameters }: Pick<FcPlan, 'parameters'>): number {
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
