import { z } from 'zod';
import type { PoolWindow } from '../../engine/engine.js';
import { inScope } from '../../engine/scope.js';
import { ConfigError } from '../../errors.js';
import { relaySignals } from '../../relay/signals.js';
import { type AnyLayerPlan, volume } from './layer-plan.js';
import type { LayerType, Place } from './layer-type.js';
import { poolForward } from './pool.js';
import { positive } from './schema-parts.js';
import { channelsOf, mapSize } from './window.js';

/** Spatial pyramid pooling: each level max-pooled to bins x bins and flattened row-major, then joined in order. */
export interface SppPlan extends AnyLayerPlan {
  readonly type: 'spp';
  readonly levels: readonly { readonly bins: number; readonly window: PoolWindow }[];
}

/**
 * Spatial pyramid pooling (paper, Table 2): max-pools the map to n x n bins for each level, flattens each level
 * row-major and joins them in the order given.
 */
export const spp: LayerType<readonly number[], SppPlan> = {
  about:
    'Spatial pyramid pooling: max pools to n x n bins for each n of the list, joined in its order.',
  schema: () => z.array(positive).min(1),

  plan(bins, place) {
    const channels = channelsOf(place.input);
    return {
      type: 'spp',
      name: place.name('spp'),
      input: place.input,
      output: [bins.reduce((sum, n) => sum + n * n * channels, 0)],
      parameters: [],
      multiplyAdds: 0,
      frozen: place.frozen,
      levels: bins.map((n) => ({ bins: n, window: binWindow(n, place) })),
    };
  },

  forward(plan, x, { engine }) {
    const { y, levels, sizes } = inScope(engine, (scope) => {
      const levels = plan.levels.map(({ window }) => {
        const level = poolForward(engine, x, window);
        scope.temporary(level.y);
        scope.undo(() => level.pass.release());
        return level;
      });
      const size = x.shape[0]!;
      const flat = levels.map(({ y }) =>
        scope.temporary(engine.reshape(y, [size, volume(y.shape) / size])),
      );
      return { y: engine.concat(flat), levels, sizes: flat.map((level) => level.shape[1]!) };
    });
    const shapes = levels.map(({ y }) => y.shape);

    const pass = relaySignals(engine, {
      inputGradient: (dy) =>
        inScope(engine, (scope) => {
          const parts = engine.split(dy, sizes).map((part) => scope.temporary(part));
          const gradients = parts.map((part, i) => {
            const signal = engine.reshape(part, shapes[i]!);
            const [dx] = levels[i]!.pass.backward([signal], [true], null);
            scope.free(part);
            return scope.temporary(dx!);
          });
          return engine.add(gradients);
        }),
      release() {
        for (const level of levels) level.pass.release();
      },
    });
    return { y, pass };
  },

  describe: (plan) => `spp {${plan.levels.map((level) => level.bins).join(', ')}}`,

  memory({ output }) {
    const values = volume(output);
    return { input: true, output: false, values, bytes: values };
  },

  graph({ name, input, output, levels }, x, { builder }) {
    const flat = levels.map(({ bins, window }) => {
      const pooled = builder.pool(`${name}_${bins}x${bins}`, x, window, input);
      const shape = [bins, bins, channelsOf(input)];
      return builder.flatten(`${name}_${bins}x${bins}_flat`, pooled, shape);
    });
    return flat.length === 1 ? flat[0]! : builder.concat(name, flat, output);
  },

  leaving: ({ input, levels }, arriving) => ({
    ...arriving,
    parts: levels.map(({ bins }) => [bins, bins, channelsOf(input)]),
  }),
};

/** The window that cuts a map into exactly n x n bins; see `cut`. */
function binWindow(n: number, place: Place): PoolWindow {
  const [height, width] = mapSize(place);
  if (n > height || n > width) {
    throw new ConfigError(
      `spp: ${n}x${n} bins need a map of at least that size; here it is ${height}x${width}`,
      'remove this level, or put fewer strides before it',
      place.path,
    );
  }
  const [y, x] = [cut(height, n), cut(width, n)];
  return {
    kind: 'max',
    kernel: [y.kernel, x.kernel],
    stride: [y.stride, x.stride],
    padding: [0, y.end, 0, x.end],
    counted: [0, 0, 0, 0],
  };
}

/**
 * Cuts `size` pixels into `n` bins. Bins of `ceil(size / n)` side by side, the last one smaller, as in the authors'
 * released model (14 pixels into 3: 5, 5, 4), where that gives n bins. Otherwise bins of equal size that overlap
 * (9 pixels into 7: 7 bins of 3, one apart).
 */
function cut(size: number, n: number): { kernel: number; stride: number; end: number } {
  const bin = Math.ceil(size / n);
  if (Math.ceil(size / bin) === n) return { kernel: bin, stride: bin, end: bin * n - size };
  const stride = Math.floor(size / n);
  return { kernel: size - stride * (n - 1), stride, end: 0 };
}
