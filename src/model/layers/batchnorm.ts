import { z } from 'zod';
import type { BatchNormGradient, Tensor } from '../../engine/engine.js';
import { inScope } from '../../engine/scope.js';
import type { Pass } from '../../relay/layer.js';
import type { Affine, Constant } from './graph-builder.js';
import { type AnyLayerPlan, type ParameterPlan, volume } from './layer-plan.js';
import type { LayerType, Place } from './layer-type.js';
import { learning } from './learning.js';
import { named, relu } from './schema-parts.js';
import { channelFirstRows } from './weight-layout.js';
import { namedGradients } from './weights.js';
import { channelsOf } from './window.js';

const statistics = {
  momentum: z
    .number()
    .gt(0)
    .lte(1)
    .default(0.1)
    .describe("Share of a micro-batch's statistics in the running ones."),
  epsilon: z.number().positive().default(1e-5).describe('Added to the variance.'),
};
const schema = z.strictObject({ ...named, ...statistics, relu: relu(false) });
type BatchNormSpec = z.infer<typeof schema>;

/** Beside a convolution. `true` is the default numbers, `false` the same as nothing. */
export const batchNormOfConv = z
  .union([z.boolean(), z.strictObject(statistics)], {
    error: 'batchNorm: true, false, or {momentum, epsilon}',
  })
  .transform((value) => {
    if (value === false) return undefined;
    return value === true ? z.strictObject(statistics).parse({}) : value;
  });

/**
 * For each channel `weight * (x - mean) / sqrt(variance + epsilon) + bias`, then ReLU where asked for. Parameters in
 * this order: weight, bias, running mean, running variance. In training the statistics are the micro-batch's own;
 * at test time, and always where it is frozen, they are the running ones.
 */
export interface BatchNormPlan extends AnyLayerPlan {
  readonly type: 'batchnorm';
  /** Share of a micro-batch's statistics in the running ones. */
  readonly momentum: number;
  readonly epsilon: number;
  readonly relu: boolean;
}

/**
 * Batch normalization of maps or vectors, and ReLU. In training the statistics are those of the micro-batch; a
 * frozen layer uses its running statistics and leaves them as they are.
 *
 * The statistics are fixed by the forward pass, so the backward is linear in the signal, and several signals go
 * through it side by side. An engine finds the parameters' gradients on its way to an input gradient; they are
 * therefore taken signal by signal and added, which costs less than a pass of its own over the sum of the signals.
 */
export const batchnorm: LayerType<BatchNormSpec, BatchNormPlan> = {
  about: 'Batch normalization by itself.',
  schema: () => schema,
  plan: planBatchNorm,
  batchStatistics: true,

  forward(plan, x, { engine, parameter, training, again }) {
    const [weight, bias, mean, variance] = plan.parameters.map(({ name }) => parameter(name));
    const batchStatistics = training() && !plan.frozen;
    // A forward pass that is done again gives the same output, but the running statistics have followed already.
    const aside = batchStatistics && again;
    const { momentum, epsilon, relu } = plan;
    const { y, saved } = inScope(engine, (scope) => {
      const running = [mean!, variance!].map((t) =>
        aside ? scope.temporary(engine.zeros(t.shape)) : t,
      );
      return engine.batchNorm(
        x,
        { weight: weight!, bias: bias!, mean: running[0]!, variance: running[1]! },
        { training: batchStatistics, momentum, epsilon, relu },
      );
    });
    /** Of the signals that came earlier; see `Pass.backward`. */
    const waiting: Pick<BatchNormGradient, 'weight' | 'bias'>[] = [];
    const giveUpWaiting = (): void => {
      for (const { weight, bias } of waiting.splice(0)) {
        engine.dispose(weight);
        engine.dispose(bias);
      }
    };
    const pass: Pass = {
      backward: (signals, carry, gradients) =>
        inScope(engine, (scope) => {
          for (const dy of signals) scope.temporary(dy);
          const sink = gradients === 'later' ? null : gradients;
          const inputs = signals.map((dy, i) => {
            const last = sink !== null && !sink.more && i === signals.length - 1;
            const dz = scope.temporary(engine.activationGradient(saved, dy, last));
            scope.free(dy);
            const { input, ...own } = engine.batchNormGradient(saved, dz);
            waiting.push(own);
            scope.free(dz);
            if (carry[i]) return scope.result(input);
            engine.dispose(input);
            return null;
          });
          if (sink) {
            const sum = (part: 'weight' | 'bias'): Tensor =>
              scope.temporary(engine.add(waiting.map((gradient) => gradient[part])));
            const total = { weight: sum('weight'), bias: sum('bias') };
            for (const gradient of namedGradients(plan.name, total)) sink.take(gradient);
          }
          if (gradients !== 'later') giveUpWaiting();
          return inputs;
        }),
      release() {
        giveUpWaiting();
        engine.release(saved);
      },
    };
    return { y, pass };
  },

  describe: (plan) => (plan.relu ? 'batchnorm relu' : 'batchnorm'),

  memory: (plan) => ({ input: true, output: plan.relu, copies: plan.relu, signalBySignal: true }),

  graph(plan, x, { builder, constant }) {
    const y = builder.affine(plan.name, x, normalization(plan, constant), plan.input);
    return plan.relu ? builder.relu(`${plan.name}_relu`, y) : y;
  },

  affine: (plan, constant) => ({ ...normalization(plan, constant), relu: plan.relu }),

  /** Of a vector, one value for each of its positions, channel first. */
  layout(plan) {
    const [channels] = plan.parameters[0]!.shape as [number];
    return {
      shape: [channels],
      fits: (shape) => volume(shape) === channels,
      convert(values, { parts }, turned) {
        const read = plan.input.length === 3 ? [[1, 1, channels]] : parts;
        return Float32Array.from(channelFirstRows(read, turned), (row) => values[row]!);
      },
    };
  },
};

export function planBatchNorm(spec: BatchNormSpec, place: Place): BatchNormPlan {
  const name = place.name('bn', spec.name);
  return {
    type: 'batchnorm',
    name,
    input: place.input,
    output: place.input,
    parameters: parameters(name, channelsOf(place.input)),
    multiplyAdds: 0,
    ...learning(place, spec),
    momentum: spec.momentum,
    epsilon: spec.epsilon,
    relu: spec.relu,
  };
}

/** By the running statistics: `scale = weight / sqrt(variance + epsilon)`. */
function normalization(plan: BatchNormPlan, constant: (name: string) => Constant): Affine {
  const [weight, bias, mean, variance] = plan.parameters.map(({ name }) => constant(name).read());
  const factors = Float64Array.from(
    weight!,
    (value, c) => value / Math.sqrt(variance![c]! + plan.epsilon),
  );
  const shape = [factors.length];
  return {
    scale: { name: `${plan.name}.scale`, shape, read: () => Float32Array.from(factors) },
    shift: {
      name: `${plan.name}.shift`,
      shape,
      read: () => Float32Array.from(factors, (factor, c) => bias![c]! - mean![c]! * factor),
    },
  };
}

/** Names as in PyTorch. */
function parameters(layer: string, channels: number): ParameterPlan[] {
  const one = (name: string, type: 'zeros' | 'ones'): ParameterPlan => ({
    name: `${layer}.${name}`,
    shape: [channels],
    axes: ['out'],
    initializer: { type },
  });
  return [
    one('weight', 'ones'),
    one('bias', 'zeros'),
    { ...one('running_mean', 'zeros'), state: true },
    { ...one('running_var', 'ones'), state: true },
  ];
}
