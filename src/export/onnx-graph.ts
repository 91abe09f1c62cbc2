import type { LrnOptions, PoolWindow, Shape } from '../engine/engine.js';
import type {
  Affine,
  Constant,
  ConvOptions,
  DenseOptions,
  GraphBuilder,
} from '../model/layers/graph-builder.js';
import { volume } from '../model/layers/layer-plan.js';
import { coversMap } from './any-size.js';
import { toFloat16 } from './float16.js';
import { Names } from './names.js';

/** An attribute as protobufjs takes an `AttributeProto`. */
type Attribute = Record<string, unknown>;

export interface OnnxNode {
  name: string;
  opType: string;
  input: string[];
  output: string[];
  attribute: Attribute[];
}

/** A tensor of the file, in ONNX's layout. */
export interface Initializer {
  name: string;
  dims: readonly number[];
  type: 'float' | 'float16' | 'int64';
  read(): Float32Array | Uint16Array | BigInt64Array;
}

/** ONNX's number of float32. */
const FLOAT = 1;

const ints = (name: string, values: readonly number[]): Attribute => ({
  name,
  type: 'INTS',
  ints: [...values],
});
const int = (name: string, i: number): Attribute => ({ name, type: 'INT', i });
const float = (name: string, f: number): Attribute => ({ name, type: 'FLOAT', f });

/**
 * Operators of ONNX (opset 17). Maps are `[batch, channels, height, width]` there, filters `[out, in, height, width]`;
 * vectors keep relaybp's order, since maps are transposed before they are flattened.
 */
export class OnnxGraph implements GraphBuilder<string> {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Initializer[] = [];
  private readonly names = new Names();

  /**
   * `halfWeights`: filters and fully connected weights are kept as float16, and cast where they are used. `anySize`: a
   * window that is the whole map is so whatever its size.
   */
  constructor(private readonly options: { halfWeights: boolean; anySize: boolean }) {}

  conv(name: string, x: string, options: ConvOptions): string {
    const { window, weight, bias, relu } = options;
    const [height, width, inputs, outputs] = weight.shape as [number, number, number, number];
    const filter = this.weight({
      name: weight.name,
      shape: [outputs, inputs, height, width],
      read: () => channelsFirst(weight.read(), [height * width, inputs, outputs]),
    });
    const y = this.node(
      'Conv',
      name,
      [x, filter, ...(bias ? [this.vector(bias)] : [])],
      [
        ints('kernel_shape', window.kernel),
        ints('strides', window.stride),
        ints('pads', pads(window.padding)),
      ],
    );
    return relu ? this.relu(`${name}_relu`, y) : y;
  }

  dense(name: string, x: string, { weight, bias, relu }: DenseOptions): string {
    const operands = [x, this.weight(weight), ...(bias ? [this.vector(bias)] : [])];
    const y = this.node('Gemm', name, operands);
    return relu ? this.relu(`${name}_relu`, y) : y;
  }

  pool(name: string, x: string, window: PoolWindow, input: Shape): string {
    if (this.options.anySize && coversMap(window, input)) {
      return this.node(window.kind === 'max' ? 'GlobalMaxPool' : 'GlobalAveragePool', name, [x]);
    }
    const { kind, kernel, stride, padding, counted } = window;
    const rest = padding.map((amount, i) => amount - counted[i]!);
    const attributes = [
      ints('kernel_shape', kernel),
      ints('strides', stride),
      ints('pads', pads(rest)),
    ];
    if (kind === 'max') return this.node('MaxPool', name, [x], attributes);
    // Padding that counts in the divisor becomes real zeros; the rest does not count.
    const wide = counted.some((amount) => amount > 0) ? this.zeroPadded(name, x, counted) : x;
    return this.node('AveragePool', name, [wide], [...attributes, int('count_include_pad', 0)]);
  }

  affine(name: string, x: string, { scale, shift }: Affine, input: Shape): string {
    const scaled = this.node('Mul', `${name}_scaled`, [x, this.channels(scale, input)]);
    return this.node('Add', name, [scaled, this.channels(shift, input)]);
  }

  lrn(name: string, x: string, { size, alpha, beta, k }: LrnOptions): string {
    return this.node(
      'LRN',
      name,
      [x],
      [int('size', size), float('alpha', alpha), float('beta', beta), float('bias', k)],
    );
  }

  relu(name: string, x: string): string {
    return this.node('Relu', name, [x]);
  }

  add(name: string, x: string, y: string): string {
    return this.node('Add', name, [x, y]);
  }

  concat(name: string, xs: readonly string[]): string {
    return this.node('Concat', name, [...xs], [int('axis', 1)]);
  }

  flatten(name: string, x: string, [height, width]: Shape): string {
    const point = height === 1 && width === 1;
    const last = point
      ? x
      : this.node('Transpose', `${name}_channels_last`, [x], [ints('perm', [0, 2, 3, 1])]);
    return this.node('Flatten', name, [last], [int('axis', 1)]);
  }

  /** A value under the name of an output of the model. */
  output(opType: 'Identity' | 'Softmax', name: string, x: string): void {
    const attribute = opType === 'Softmax' ? [int('axis', 1)] : [];
    this.nodes.push({ name, opType, input: [x], output: [name], attribute });
  }

  private node(
    opType: string,
    wanted: string,
    input: string[],
    attribute: Attribute[] = [],
  ): string {
    const name = this.names.unused(wanted);
    this.nodes.push({ name, opType, input, output: [name], attribute });
    return name;
  }

  /** A filter or a fully connected weight. */
  private weight(constant: Constant): string {
    if (!this.options.halfWeights) return this.vector(constant);
    const { name, shape, read } = constant;
    const stored = this.tensor({
      name: `${name}.float16`,
      dims: shape,
      type: 'float16',
      read: () => toFloat16(read(), name),
    });
    return this.node('Cast', name, [stored], [int('to', FLOAT)]);
  }

  private tensor(initializer: Initializer): string {
    this.initializers.push(initializer);
    return initializer.name;
  }

  /** A constant as it is: a bias, or a fully connected weight `[in, out]`. */
  private vector({ name, shape, read }: Constant): string {
    return this.tensor({ name, dims: shape, type: 'float', read });
  }

  /** A constant that is added to or multiplied with a map or a vector. */
  private channels(constant: Constant, input: Shape): string {
    const { name, shape } = constant;
    if (input.length === 1) return this.vector(constant);
    const channels = shape.at(-1)!;
    const positions = volume(shape) / channels;
    return this.tensor({
      name,
      dims: [channels, ...(positions === 1 ? [1, 1] : shape.slice(0, -1))],
      type: 'float',
      read: () => channelsFirst(constant.read(), [positions, channels, 1]),
    });
  }

  private zeroPadded(
    name: string,
    x: string,
    [top, bottom, left, right]: readonly number[],
  ): string {
    const amounts = [0, 0, top!, left!, 0, 0, bottom!, right!];
    const padding = this.tensor({
      name: `${name}.padding`,
      dims: [8],
      type: 'int64',
      read: () => BigInt64Array.from(amounts, BigInt),
    });
    return this.node('Pad', `${name}_padded`, [x, padding]);
  }
}

/** ONNX's order: beginnings, then ends. */
const pads = ([top, bottom, left, right]: readonly number[]): number[] => [
  top!,
  left!,
  bottom!,
  right!,
];

/** `[positions, in, out]` → `[out, in, positions]` */
function channelsFirst(
  values: Float32Array,
  [positions, inputs, outputs]: readonly [number, number, number],
): Float32Array {
  const result = new Float32Array(values.length);
  let from = 0;
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        result[(o * inputs + i) * positions + p] = values[from++]!;
      }
    }
  }
  return result;
}
