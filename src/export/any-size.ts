import type { Shape, Window } from '../engine/engine.js';
import { ConfigError } from '../errors.js';
import { type LayerPlan, layerType } from '../model/layers/table.js';
import { flatten, pathsOf } from '../model/network-plan.js';

type Size = readonly [height: number, width: number];

/** Whose windows are tried for every remainder of the size; networks for images have 8 to 32. */
const MOST_STRIDES = 256;

/** Whether a window is the whole map, whatever its size. */
export function coversMap(window: Window, [height, width]: Shape): boolean {
  return (
    window.kernel[0] === height &&
    window.kernel[1] === width &&
    window.padding.every((amount) => amount === 0)
  );
}

/**
 * The layers of a network for images of any size: the same for every remainder of the size by the strides, and for
 * larger maps, but for windows that are the whole map.
 *
 * @param planAt the layers for a size
 * @param size that of training
 * @returns the layers at a larger size, where only windows that always are the whole map are the whole map
 * @throws ConfigError naming the first layer that depends on the size
 */
export function sizeFreeChain(planAt: (size: Size) => LayerPlan[], size: Size): LayerPlan[] {
  const strides = strideOf(planAt(size));
  if (strides > MOST_STRIDES) {
    throw new ConfigError(
      `--size any: the strides make ${strides} together; up to ${MOST_STRIDES} are looked at`,
      'give a size',
    );
  }
  const at = (more: number): LayerPlan[] => planAt([size[0] + more, size[1] + more]);
  const chain = at(strides);
  const signatures = chain.flatMap(flatten).map(signature);
  // All remainders, and larger maps.
  const others = Array.from({ length: strides }, (_, i) => strides + 1 + i);
  for (const more of [...others, 3 * strides]) {
    at(more)
      .flatMap(flatten)
      .forEach((layer, i) => {
        if (signature(layer) === signatures[i]) return;
        throw new ConfigError(
          `--size any: ${layer.name} (${layerType(layer).describe(layer)}) pads or divides the map otherwise for other sizes`,
          'give a size; convolutions and pools with padding of their own and floor rounding go with any',
        );
      });
  }
  return chain;
}

/** How many pixels one position of the output is further than the next. */
function strideOf(layers: readonly LayerPlan[]): number {
  return layers.reduce((product, layer) => {
    const inner = pathsOf(layer).map(strideOf);
    const { window, input } = layer as LayerPlan & { readonly window?: Window };
    const own = window && !coversMap(window, input) ? Math.max(...window.stride) : 1;
    return product * Math.max(own, ...inner);
  }, 1);
}

const OF_THE_SIZE = new Set(['input', 'output', 'multiplyAdds']);

/** All of a layer that does not follow from the size of its input. */
function signature(layer: LayerPlan): string {
  return JSON.stringify(layer, function (this: { window: Window; input?: Shape }, key, value) {
    if (OF_THE_SIZE.has(key)) return undefined;
    const map = key === 'window' && this.input && coversMap(this.window, this.input);
    return map ? 'map' : value;
  });
}
