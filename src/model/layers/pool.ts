import type { AvgPoolSpec, MaxPoolSpec } from '../../config/layers.js';
import type { Engine, PoolWindow, Tensor, Window } from '../../engine/engine.js';
import { ConfigError } from '../../errors.js';
import type { Layer } from '../../relay/layer.js';
import { relaySignals } from '../../relay/signals.js';
import type { LayerType, Place } from '../layer-type.js';
import type { PoolPlan } from '../plan.js';
import { channelsOf, mapSize, resolveWindow } from './window.js';

type PoolSpec = MaxPoolSpec & { countPadding?: boolean };

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

export const maxpool: LayerType<MaxPoolSpec, PoolPlan> = {
  plan: (spec, place) => planPool('max', spec, place),
  forward: (plan, x, { engine }) => poolForward(engine, x, plan.window),
};

export const avgpool: LayerType<AvgPoolSpec, PoolPlan> = {
  plan: (spec, place) => planPool('average', spec, place),
  forward: maxpool.forward,
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
