import { z } from 'zod';
import type { Engine, PoolWindow, Tensor, Window } from '../../engine/engine.js';
import { ConfigError } from '../../errors.js';
import type { Layer } from '../../relay/layer.js';
import { relaySignals } from '../../relay/signals.js';
import { type AnyLayerPlan, volume } from './layer-plan.js';
import type { LayerType, Place } from './layer-type.js';
import { optionalName, PADDING, padding, pairOf } from './schema-parts.js';
import { describeStride } from './text.js';
import { channelsOf, mapSize, resolveWindow } from './window.js';

const shape = {
  name: optionalName,
  size: z
    .union([pairOf('size'), z.literal('global')], {
      error: 'size: a positive integer, [height, width] or "global" (the whole map)',
    })
    .describe('Size of the window: one number, [height, width], or global (the whole map).'),
  stride: pairOf('stride').optional().describe('Step of the window; its size unless given.'),
  padding: padding.default('valid').describe(PADDING),
  rounding: z
    .enum(['floor', 'ceil'])
    .default('floor')
    .describe('How the number of windows is rounded; Caffe uses ceil.'),
};
const maximum = z.strictObject(shape);
const average = z.strictObject({
  ...shape,
  countPadding: z.boolean().default(true).describe('Whether padding counts in the divisor.'),
});

type MaxPoolSpec = z.infer<typeof maximum>;
type AvgPoolSpec = z.infer<typeof average>;
type PoolSpec = MaxPoolSpec & { countPadding?: boolean };

export interface PoolPlan extends AnyLayerPlan {
  readonly type: 'maxpool' | 'avgpool';
  readonly window: PoolWindow;
}

/** Max and average pooling. The stride defaults to the size, padding to none, rounding to floor. */
function planPool(kind: PoolWindow['kind'], spec: PoolSpec, place: Place): PoolPlan {
  const kernel = spec.size === 'global' ? mapSize(place) : spec.size;
  const { window, output, declared } = resolveWindow(
    { kernel, stride: spec.stride ?? kernel, padding: spec.padding, rounding: spec.rounding },
    place,
  );
  checkPadding(window.kernel, declared, place);
  // As in TensorFlow, what `tf-same` adds never counts.
  const counts = spec.countPadding === true && spec.padding !== 'tf-same';
  const counted = counts ? declared : ([0, 0, 0, 0] as const);
  return {
    type: kind === 'max' ? 'maxpool' : 'avgpool',
    name: place.name('pool', spec.name),
    input: place.input,
    output: [...output, channelsOf(place.input)],
    parameters: [],
    multiplyAdds: 0,
    frozen: place.frozen,
    window: { ...window, kind, counted },
  };
}

/**
 * On each side at most half the window, as in PyTorch: a window in nothing but padding has no maximum and no mean. What
 * ceil rounding adds at the end is not declared, and always leaves a window some of the map.
 */
function checkPadding(kernel: readonly number[], declared: Window['padding'], place: Place): void {
  const fits = declared.every((pixels, side) => pixels <= kernel[side < 2 ? 0 : 1]! / 2);
  if (fits) return;
  throw new ConfigError(
    `a pooling window of ${kernel.join('x')} with padding [${declared.join(', ')}] (top, bottom, left, right); on each side it is at most half the window, or windows lie in the padding alone`,
    'use less padding, or a larger window',
    place.path,
  );
}

/** What both have in common. */
const pooling = {
  forward: (plan, x, { engine }) => poolForward(engine, x, plan.window),
  describe: ({ type, window }) =>
    `${type} ${window.kernel.join('x')}/${describeStride(window.stride)}`,
  graph: ({ name, window, input }, x, { builder }) => builder.pool(name, x, window, input),
} satisfies Partial<LayerType<never, PoolPlan>>;

export const maxpool: LayerType<MaxPoolSpec, PoolPlan> = {
  ...pooling,
  about: 'Max pooling.',
  schema: () => maximum,
  plan: (spec, place) => planPool('max', spec, place),
  memory: (plan) => ({ input: true, output: true, bytes: volume(plan.output) }),
};

export const avgpool: LayerType<AvgPoolSpec, PoolPlan> = {
  ...pooling,
  about: 'Average pooling.',
  schema: () => average,
  plan: (spec, place) => planPool('average', spec, place),
  memory: () => ({ input: false, output: false }),
};

export function poolForward(
  engine: Engine,
  x: Tensor,
  window: PoolWindow,
): ReturnType<Layer['forward']> {
  const { y, saved } = engine.pool(x, window);
  const pass = relaySignals(engine, {
    inputGradient: (dy) => engine.poolGradient(saved, dy),
    release: () => engine.release(saved),
  });
  return { y, pass };
}
