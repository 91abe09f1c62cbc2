import type { Engine, Tensor } from '../engine/engine.js';
import type { Layer } from '../relay/layer.js';

/** A network to be tested: the trunk, and the heads that are wanted with the trunk layer that each reads. */
export interface TestNetwork {
  readonly engine: Engine;
  readonly trunk: readonly string[];
  readonly heads: readonly {
    readonly loss: string;
    readonly tap: number;
    readonly layers: readonly string[];
  }[];
  layer(name: string): Layer;
}

/**
 * Runs images through the network and its heads; nothing is kept for a backward pass.
 *
 * @param images `[size, height, width, channels]`, borrowed
 * @param onLogits receives each head's logits `[size, classes]`, borrowed
 */
export function forward(
  network: TestNetwork,
  images: Tensor,
  onLogits: (loss: string, logits: Tensor) => void,
): void {
  const { engine } = network;
  const top = Math.max(...network.heads.map((head) => head.tap));
  let x = engine.retain(images);
  network.trunk.slice(0, top + 1).forEach((name, at) => {
    x = apply(network, [name], x);
    for (const head of network.heads.filter((candidate) => candidate.tap === at)) {
      const logits = apply(network, head.layers, engine.retain(x));
      onLogits(head.loss, logits);
      engine.dispose(logits);
    }
  });
  engine.dispose(x);
}

/** Takes over `x`. */
function apply({ engine, layer }: TestNetwork, names: readonly string[], x: Tensor): Tensor {
  return through(
    engine,
    names.map((name) => layer(name)),
    x,
  );
}

/** Runs `x` through layers one after another and keeps nothing for a backward pass. Takes over `x`. */
export function through(engine: Engine, layers: readonly Layer[], x: Tensor): Tensor {
  return layers.reduce((input, layer) => {
    const { y, pass } = layer.forward(input);
    pass.release();
    engine.dispose(input);
    return y;
  }, x);
}
