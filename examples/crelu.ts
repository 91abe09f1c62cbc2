/**
 * A layer type of your own: the concatenated ReLU of Shang et al. (arXiv 1603.05201), `[relu(x), relu(-x)]`, which gives
 * twice the channels. In a config:
 *
 *   - conv: {filters: 16, kernel: 3, relu: false}
 *   - custom: {type: crelu}
 *
 * For the command line: NODE_OPTIONS="--import ./crelu.js" relaybp train my.yaml
 */
import { type Engine, registerLayer, type Tensor } from 'relaybp';

/** A new tensor with the values of `x`, negated. */
function negated(engine: Engine, x: Tensor): Tensor {
  const y = engine.zeros(x.shape);
  engine.accumulate(y, x);
  engine.scale(y, -1);
  return y;
}

/** A constant of an exported graph: the same value for each channel. */
const constant = (name: string, value: number, channels: number) => ({
  name,
  shape: [channels],
  read: () => new Float32Array(channels).fill(value),
});

registerLayer('crelu', {
  plan(_options, { input }) {
    const channels = input.at(-1)!;
    return { output: [...input.slice(0, -1), 2 * channels] };
  },

  forward(x, { engine }) {
    const channels = x.shape.at(-1)!;
    const minus = negated(engine, x);
    const [positive, negative] = [engine.relu(x), engine.relu(minus)];
    const y = engine.concat([positive.y, negative.y]);
    for (const t of [minus, positive.y, negative.y]) engine.dispose(t);
    return {
      y,
      inputGradient(dy) {
        const [up, down] = engine.split(dy, [channels, channels]) as [Tensor, Tensor];
        const rising = engine.activationGradient(positive.saved, up);
        const falling = engine.activationGradient(negative.saved, down);
        const turned = negated(engine, falling);
        const dx = engine.add([rising, turned]);
        for (const t of [up, down, rising, falling, turned]) engine.dispose(t);
        return dx;
      },
      release() {
        engine.release(positive.saved);
        engine.release(negative.saved);
      },
    };
  },

  /** Both halves of the output: relaybp plan counts them among what a step keeps. */
  memory: ({ output }) => ({
    input: false,
    output: false,
    values: output.reduce((product, size) => product * size, 1),
  }),

  /** For relaybp export. */
  graph({ name, input, output }, x, { builder }) {
    const channels = input.at(-1)!;
    const scale = constant(`${name}.minus_one`, -1, channels);
    const shift = constant(`${name}.zero`, 0, channels);
    const minus = builder.affine(`${name}_minus`, x, { scale, shift }, input);
    const [rising, falling] = [
      builder.relu(`${name}_positive`, x),
      builder.relu(`${name}_negative`, minus),
    ];
    return builder.concat(name, [rising, falling], output);
  },
});
