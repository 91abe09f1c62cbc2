import type { LrnOptions, PoolWindow, Shape, Window } from '../engine/engine.js';
import { ExportError } from '../errors.js';
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

/** An attribute as protobufjs takes an `AttrValue`. */
type Attribute = Record<string, unknown>;

/** A node but for constants, as protobufjs takes a `NodeDef`. */
export interface TensorFlowNode {
  name: string;
  op: string;
  input: string[];
  attr: Record<string, Attribute>;
}

/** A `Const` node; its values are asked for once, when they are written. */
export interface TensorFlowConstant {
  name: string;
  shape: Shape;
  /** float16 is widened by whoever reads it: the graph has it as float32. */
  dtype: 'float32' | 'float16' | 'int32';
  read(): Float32Array | Uint16Array | Int32Array;
}

const FLOAT: Attribute = { type: 'DT_FLOAT' };
const INT: Attribute = { type: 'DT_INT32' };
const text = (value: string): Attribute => ({ s: Buffer.from(value) });
const number = (f: number): Attribute => ({ f });
const ints = (values: readonly number[]): Attribute => ({ list: { i: [...values] } });
const around = ([height, width]: readonly [number, number]): Attribute =>
  ints([1, height, width, 1]);

/** Padding never wins a maximum: the lowest finite float32. */
const LOWEST = -3.4028234663852886e38;

/**
 * Operations of TensorFlow in relaybp's own layout.
 *
 * `fused`: with convolution, bias and ReLU as one operation, which TensorFlow.js's graph models have and a SavedModel
 * must not (TensorFlow fuses by itself). `halfWeights`: filters and fully connected weights are kept as float16.
 * `anySize`: a window that is the whole map is so whatever its size.
 */
export class TensorFlowGraph implements GraphBuilder<string> {
  readonly nodes: TensorFlowNode[] = [];
  readonly constants: TensorFlowConstant[] = [];
  private readonly names = new Names();

  constructor(
    private readonly options: { fused: boolean; halfWeights: boolean; anySize: boolean },
  ) {}

  /** @param shape with the batch, -1 for any */
  placeholder(name: string, shape: Shape): string {
    const dim = shape.map((size) => ({ size }));
    const attr = { dtype: FLOAT, shape: { shape: { dim } } };
    this.nodes.push({ name, op: 'Placeholder', input: [], attr });
    return name;
  }

  conv(name: string, x: string, options: ConvOptions): string {
    const { window, weight, bias, relu } = options;
    const [top, bottom, left, right] = window.padding;
    const padded = window.padding.some((amount) => amount > 0);
    const attributes = {
      T: FLOAT,
      strides: around(window.stride),
      padding: text(padded ? 'EXPLICIT' : 'VALID'),
      explicit_paddings: ints(padded ? [0, 0, top, bottom, left, right, 0, 0] : []),
      dilations: ints([1, 1, 1, 1]),
      data_format: text('NHWC'),
    };
    return this.weighted(
      'Conv2D',
      '_FusedConv2D',
      name,
      [x, this.weight(weight)],
      bias,
      relu,
      attributes,
    );
  }

  dense(name: string, x: string, { weight, bias, relu }: DenseOptions): string {
    const attributes = { T: FLOAT, transpose_a: { b: false }, transpose_b: { b: false } };
    return this.weighted(
      'MatMul',
      '_FusedMatMul',
      name,
      [x, this.weight(weight)],
      bias,
      relu,
      attributes,
    );
  }

  /** TensorFlow.js pools without padding of its own, so it is always made before. */
  pool(name: string, x: string, window: PoolWindow, input: Shape): string {
    const { kind, kernel, stride } = window;
    if (this.options.anySize && coversMap(window, input)) {
      const axes = this.int(`${name}/axes`, [2], [1, 2]);
      const reduced = { T: FLOAT, Tidx: INT, keep_dims: { b: true } };
      return this.node(kind === 'max' ? 'Max' : 'Mean', name, [x, axes], reduced);
    }
    const attributes = {
      T: FLOAT,
      ksize: around(kernel),
      strides: around(stride),
      padding: text('VALID'),
      data_format: text('NHWC'),
    };
    if (kind === 'max') {
      return this.node('MaxPool', name, [this.padded(name, x, window, LOWEST)], attributes);
    }
    const wide = this.padded(name, x, window, 0);
    const divisors = correction(window, input);
    if (!divisors) return this.node('AvgPool', name, [wide], attributes);
    if (this.options.anySize) {
      throw new ExportError(
        `--size any: ${name}: in this format a mean that leaves its padding out is for one size`,
        'give a size, or take --format onnx',
      );
    }
    const mean = this.node('AvgPool', `${name}/mean`, [wide], attributes);
    const { shape, values } = divisors;
    const factor = this.float({ name: `${name}/factor`, shape, read: () => values });
    return this.node('Mul', name, [mean, factor], { T: FLOAT });
  }

  affine(name: string, x: string, { scale, shift }: Affine): string {
    const scaled = this.node('Mul', `${name}/scaled`, [x, this.float(scale)], { T: FLOAT });
    return this.node('AddV2', name, [scaled, this.float(shift)], { T: FLOAT });
  }

  /** TensorFlow does not divide alpha by the size. */
  lrn(name: string, x: string, { size, alpha, beta, k }: LrnOptions): string {
    return this.node('LRN', name, [x], {
      T: FLOAT,
      depth_radius: { i: (size - 1) / 2 },
      bias: number(k),
      alpha: number(alpha / size),
      beta: number(beta),
    });
  }

  relu(name: string, x: string): string {
    return this.node('Relu', name, [x], { T: FLOAT });
  }

  add(name: string, x: string, y: string): string {
    return this.node('AddV2', name, [x, y], { T: FLOAT });
  }

  concat(name: string, xs: readonly string[], output: Shape): string {
    const axis = this.int(`${name}/axis`, [], [output.length]);
    return this.node('ConcatV2', name, [...xs, axis], { T: FLOAT, N: { i: xs.length }, Tidx: INT });
  }

  flatten(name: string, x: string, input: Shape): string {
    const shape = this.int(`${name}/shape`, [2], [-1, volume(input)]);
    return this.node('Reshape', name, [x, shape], { T: FLOAT, Tshape: INT });
  }

  /** A value under the name of an output of the model. */
  output(op: 'Identity' | 'Softmax', name: string, x: string): void {
    this.nodes.push({ name, op, input: [x], attr: { T: FLOAT } });
  }

  private weighted(
    op: string,
    fusedOp: string,
    name: string,
    inputs: string[],
    bias: Constant | null,
    relu: boolean,
    attributes: Record<string, Attribute>,
  ): string {
    if (this.options.fused && bias) {
      const list = ['BiasAdd', ...(relu ? ['Relu'] : [])].map((each) => Buffer.from(each));
      return this.node(fusedOp, name, [...inputs, this.float(bias)], {
        ...attributes,
        num_args: { i: 1 },
        epsilon: number(0),
        fused_ops: { list: { s: list } },
      });
    }
    const last = (step: string, final: boolean): string => (final ? name : `${name}/${step}`);
    let y = this.node(op, last(op, !bias && !relu), inputs, attributes);
    if (bias) {
      const added = { T: FLOAT, data_format: text('NHWC') };
      y = this.node('BiasAdd', last('BiasAdd', !relu), [y, this.float(bias)], added);
    }
    return relu ? this.relu(name, y) : y;
  }

  private padded(name: string, x: string, { padding }: Window, value: number): string {
    if (padding.every((amount) => amount === 0)) return x;
    const [top, bottom, left, right] = padding;
    const amounts = this.int(`${name}/paddings`, [4, 2], [0, 0, top, bottom, left, right, 0, 0]);
    const filler = this.float({
      name: `${name}/filler`,
      shape: [],
      read: () => Float32Array.of(value),
    });
    const attributes = { T: FLOAT, Tpaddings: INT };
    return this.node('PadV2', `${name}/padded`, [x, amounts, filler], attributes);
  }

  private node(
    op: string,
    wanted: string,
    input: string[],
    attr: Record<string, Attribute>,
  ): string {
    const name = this.names.unused(wanted);
    this.nodes.push({ name, op, input, attr });
    return name;
  }

  /** A filter or a fully connected weight. */
  private weight(constant: Constant): string {
    if (!this.options.halfWeights) return this.float(constant);
    const { name, shape, read } = constant;
    this.constants.push({ name, shape, dtype: 'float16', read: () => toFloat16(read(), name) });
    return name;
  }

  private float({ name, shape, read }: Constant): string {
    this.constants.push({ name, shape, dtype: 'float32', read });
    return name;
  }

  private int(name: string, shape: Shape, values: readonly number[]): string {
    this.constants.push({ name, shape, dtype: 'int32', read: () => Int32Array.from(values) });
    return name;
  }
}

/**
 * By what a mean over whole windows must be multiplied to be one over what counts in them; null if everything does.
 *
 * @returns `[rows, columns, 1]`
 */
function correction(
  { kernel, stride, padding, counted }: PoolWindow,
  [height, width]: Shape,
): { shape: Shape; values: Float32Array } | null {
  if (padding.every((amount, i) => amount === counted[i])) return null;
  const along = (axis: 0 | 1, size: number): number[] => {
    const [start, end] = [padding[2 * axis]!, padding[2 * axis + 1]!];
    const first = start - counted[2 * axis]!;
    const last = start + size + counted[2 * axis + 1]!;
    const outputs = Math.floor((size + start + end - kernel[axis]) / stride[axis]) + 1;
    return Array.from({ length: outputs }, (_, i) => {
      const at = i * stride[axis];
      return Math.min(at + kernel[axis], last) - Math.max(at, first);
    });
  };
  const [rows, columns] = [along(0, height!), along(1, width!)];
  const area = kernel[0] * kernel[1];
  const values = rows.flatMap((row) => columns.map((column) => area / (row * column)));
  return { shape: [rows.length, columns.length, 1], values: Float32Array.from(values) };
}
