/**
 * Tensors of the native engine and the way to run TensorFlow operations on them.
 *
 * Two kinds of handles: `NativeTensor` is the engine's own, reference-counted; a plain number is a tensor inside
 * TensorFlow, which the code that got it from `run` deletes again (or wraps into a `NativeTensor` with `own`).
 */
import { EngineError, OutOfMemoryError } from '../../../errors.js';
import { messageOf } from '../../../system-error.js';
import type { Shape, Tensor } from '../../engine.js';
import { Scope, within } from '../../scope.js';
import {
  boolAttribute,
  FLOAT,
  shapeAttribute,
  stringAttribute,
  typeAttribute,
} from './attributes.js';
import { type Binding, DataType, type ElementType, type OpAttribute } from './binding.js';
import type { Mode } from './mode.js';

/** TensorFlow's name for a variable that belongs to its handle alone. */
const ANONYMOUS = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';
const NONE = -1;
/** TensorFlow's own words, those of its operators, and oneDNN's status 1 (`dnnl_out_of_memory`). */
const OUT_OF_MEMORY =
  /RESOURCE_EXHAUSTED|OOM when allocating|[Ff]ailed to allocate|out of memory|[Ss]tatus: 1\b/;

/** See `Tensor`. Its value is held as a TensorFlow tensor, as a variable that is updated in place, or as both. */
export class NativeTensor implements Tensor {
  owners = 1;
  /** The variable that holds the value, or -1; set by the first in-place update. */
  variable = NONE;
  /** The variable holds the value times -1; see `update.ts`. */
  negated = false;
  /** The value rounded to bfloat16, made when it is first asked for, or -1. */
  narrowed = NONE;
  /** Another tensor may lie in the same memory. */
  shared = false;
  /** Of maps: a ReLU made them, none is negative. */
  rectified = false;
  /** Stands for these values: the same in tensors of which one was computed again for the other. */
  values: object = this;
  /** Of a signal: the `values` of the maps at whose zeros it is already zero, as their ReLU's gradient demands. */
  maskedBy: object | null = null;
  /** Of a signal: its sums over all axes but the last, `[channels]`, where they fell off on the way, or -1. */
  sums = NONE;

  /** @param id the tensor inside TensorFlow, or -1 while only `variable` holds the value */
  constructor(
    readonly shape: Shape,
    public id: number,
    readonly type: ElementType,
  ) {}
}

export class Runtime {
  private readonly constants = new Map<string, number>();
  private alive = 0;

  constructor(
    readonly binding: Binding,
    readonly mode: Mode,
  ) {}

  /** Live `NativeTensor`s. */
  get count(): number {
    return this.alive;
  }

  /** Tensors inside TensorFlow, without the cached constants: for tests of leaks. */
  get rawCount(): number {
    return this.binding.getNumOfTensors() - this.constants.size;
  }

  // --- Operations ---------------------------------------------------------------------------------------

  /** Runs an operation with several outputs. The caller owns the ids. @throws EngineError if TensorFlow refuses. */
  runAll(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): number[] {
    try {
      return this.binding.executeOp(op, attributes, inputs, outputs).map((output) => output.id);
    } catch (error) {
      const reason = messageOf(error);
      const failure = OUT_OF_MEMORY.test(reason) ? OutOfMemoryError : EngineError;
      throw new failure(`native engine: ${op} failed: ${reason}`);
    }
  }

  /** Runs an operation with one output. The caller owns the id. */
  run(op: string, attributes: readonly OpAttribute[], inputs: readonly number[]): number {
    return this.runAll(op, attributes, inputs, 1)[0]!;
  }

  /** As `run`, and deletes the first input: for chains of operations. */
  chain(first: number, op: string, attributes: readonly OpAttribute[], others: readonly number[]) {
    try {
      return this.run(op, attributes, [first, ...others]);
    } finally {
      this.binding.deleteTensor(first);
    }
  }

  // --- Constants and temporaries ------------------------------------------------------------------------

  /** A cached int32 constant: sizes, axes, paddings. Never delete it. */
  ints(values: readonly number[], shape: Shape = [values.length]): number {
    return this.cached(`i${shape.join()}:${values.join()}`, () =>
      this.binding.createTensor(shape, DataType.int32, Int32Array.from(values)),
    );
  }

  /** A cached constant of either element type under a key of the caller's, made once by `make`. Never delete it. */
  floats(
    key: string,
    shape: Shape,
    make: () => Float32Array,
    type: ElementType = DataType.float,
  ): number {
    return this.cached(`f${type} ${shape.join()}:${key}`, () => {
      const id = this.binding.createTensor(shape, DataType.float, make());
      if (type === DataType.float) return id;
      try {
        return this.cast(id, DataType.float, type);
      } finally {
        this.binding.deleteTensor(id);
      }
    });
  }

  /** A cached scalar of either element type. Never delete it. */
  filler(value: number, type: ElementType): number {
    return this.floats(`${value}`, [], () => Float32Array.of(value), type);
  }

  private cached(key: string, make: () => number): number {
    let id = this.constants.get(key);
    if (id === undefined) {
      id = make();
      this.constants.set(key, id);
    }
    return id;
  }

  /** Deletes the constants; the runtime is not used after this. */
  close(): void {
    for (const id of this.constants.values()) this.binding.deleteTensor(id);
    this.constants.clear();
  }

  /** Runs `body` with temporary scalars, deleted afterwards. */
  withScalars(values: readonly number[], body: (...ids: number[]) => void): void {
    const ids = values.map((value) =>
      this.binding.createTensor([], DataType.float, Float32Array.of(value)),
    );
    try {
      body(...ids);
    } finally {
      for (const id of ids) this.binding.deleteTensor(id);
    }
  }

  // --- Tensors ------------------------------------------------------------------------------------------

  /** Wraps a TensorFlow tensor; the result owns it. */
  own(id: number, shape: Shape, type: ElementType = DataType.float): NativeTensor {
    this.alive++;
    return new NativeTensor(shape, id, type);
  }

  /** Values of one element type as another: to bfloat16 they are rounded to nearest. The caller owns the result. */
  cast(id: number, from: ElementType, to: ElementType): number {
    if (this.mode.ownKernels) {
      return this.run('RelaybpCast', [typeAttribute('S', from), typeAttribute('R', to)], [id]);
    }
    const attributes = [typeAttribute('SrcT', from), typeAttribute('DstT', to)];
    return this.run('Cast', [...attributes, boolAttribute('Truncate', false)], [id]);
  }

  /** The engine's handle behind `t`. @throws EngineError if it is not one of ours or already disposed of. */
  check(t: Tensor): NativeTensor {
    if (!(t instanceof NativeTensor)) {
      throw new EngineError(
        'native engine: this tensor belongs to another engine',
        'This is a bug; please report it.',
      );
    }
    if (t.owners <= 0) {
      throw new EngineError(
        `native engine: a tensor [${t.shape.join(', ')}] is used after its last owner disposed of it`,
        'This is a bug; please report it.',
      );
    }
    return t;
  }

  /** The TensorFlow tensor with the value of `t`; still owned by `t`, valid until its next in-place update. */
  value(t: Tensor): number {
    const tensor = this.check(t);
    if (tensor.id === NONE) {
      tensor.id = this.run(
        'ReadVariableOp',
        [typeAttribute('dtype', DataType.float)],
        [tensor.variable],
      );
      if (tensor.negated) tensor.id = this.chain(tensor.id, 'Neg', [FLOAT], []);
    }
    return tensor.id;
  }

  /** Replaces the value of `t` by a TensorFlow tensor of the same shape, which `t` then owns. */
  replace(t: Tensor, id: number): void {
    const tensor = this.check(t);
    this.free(tensor);
    tensor.id = id;
  }

  /** As `value`, rounded to bfloat16: of a parameter this is done once per update. Owned by `t`. */
  narrowed(t: Tensor): number {
    const tensor = this.check(t);
    if (tensor.type === DataType.bfloat16) return this.value(tensor);
    if (tensor.narrowed === NONE) {
      tensor.narrowed = this.cast(this.value(tensor), DataType.float, DataType.bfloat16);
    }
    return tensor.narrowed;
  }

  /** As `value`, for an operation that writes to that memory: nothing else lies in it. */
  writable(t: Tensor): number {
    const tensor = this.check(t);
    const value = this.value(tensor);
    if (tensor.shared || tensor.variable !== NONE) {
      this.replace(tensor, this.cast(value, DataType.float, DataType.float));
    }
    this.forgetDerived(tensor);
    return tensor.id;
  }

  /**
   * Moves the value of `t` into a variable, so that operations can update it in place, and returns the
   * variable. Any value read from it before is dropped: what is updated must not be shared.
   */
  variable(t: Tensor, negated: boolean): number {
    const tensor = this.check(t);
    if (tensor.variable === NONE || tensor.negated !== negated) {
      const value = this.value(tensor);
      const dispose = (id: number) => this.binding.deleteTensor(id);
      const variable = within(new Scope<number>({ dispose }), (scope) => {
        const stored = negated ? scope.temporary(this.run('Neg', [FLOAT], [value])) : value;
        const attributes = [
          typeAttribute('dtype', DataType.float),
          shapeAttribute('shape', tensor.shape),
          stringAttribute('shared_name', ANONYMOUS),
          stringAttribute('container', ''),
        ];
        const made = scope.result(this.run('VarHandleOp', attributes, []));
        const type = [typeAttribute('dtype', DataType.float)];
        this.runAll('AssignVariableOp', type, [made, stored], 0);
        return made;
      });
      this.free(tensor);
      tensor.variable = variable;
      tensor.negated = negated;
    } else if (tensor.id !== NONE) {
      this.binding.deleteTensor(tensor.id);
      tensor.id = NONE;
    }
    this.forgetDerived(tensor);
    return tensor.variable;
  }

  retain<T extends Tensor>(t: T): T {
    this.check(t).owners++;
    return t;
  }

  dispose(t: Tensor): void {
    const tensor = this.check(t);
    if (--tensor.owners > 0) return;
    this.free(tensor);
    this.alive--;
  }

  private free(tensor: NativeTensor): void {
    if (tensor.id !== NONE) this.binding.deleteTensor(tensor.id);
    if (tensor.variable !== NONE) this.binding.deleteTensor(tensor.variable);
    this.forgetDerived(tensor);
    tensor.id = NONE;
    tensor.variable = NONE;
    tensor.negated = false;
    tensor.shared = false;
  }

  /** What was derived from a value that is no more. */
  private forgetDerived(tensor: NativeTensor): void {
    for (const id of [tensor.narrowed, tensor.sums]) {
      if (id !== NONE) this.binding.deleteTensor(id);
    }
    tensor.narrowed = NONE;
    tensor.sums = NONE;
    tensor.maskedBy = null;
    tensor.rectified = false;
  }
}
