/**
 * Pooling, forward and backward; see `Engine.pool` for shapes and ownership.
 *
 * Maximum: TensorFlow's own gradient searches for the maxima again and is slow on CPUs; oneDNN's operations remember
 * their positions and are 20 times faster. They exist under an internal name and are used where they run.
 * Average: TensorFlow divides by the whole window under VALID, and by the real pixels under SAME. Any other divisor
 * is reached by a constant factor per output position.
 */
import type { Forward, PoolWindow, Tensor } from '../engine.js';
import { checkPoolWindow } from '../pool-window.js';
import { reluGradient } from './activation.js';
import {
  boolAttribute,
  CHANNELS_LAST,
  elements,
  intAttribute,
  stringAttribute,
} from './attributes.js';
import { DataType, type ElementType, type OpAttribute } from './binding.js';
import { cropGradient, padInput } from './padding.js';
import type { NativeTensor, Runtime } from './runtime.js';
import type { PoolSaved } from './saved.js';
import { scoped } from './scope.js';
import { expectShape } from './shapes.js';
import { planWindow, type WindowPlan } from './window.js';

export interface PoolPlan extends WindowPlan {
  readonly kind: 'max' | 'average' | 'oneDNN max';
  readonly attributes: readonly OpAttribute[];
  /** Average only: the constant `[1, oh, ow, 1]` that corrects the divisor, or null where it is right. */
  readonly correction: number | null;
}

const ONEDNN = [
  stringAttribute('_kernel', 'MklNameChangeOp'),
  boolAttribute('workspace_enabled', true),
];
/** oneDNN keeps the position inside a window in a byte. */
const LARGEST_ONEDNN_WINDOW = 255;
/** What padding holds under a maximum: nothing is lower. */
const LOWEST = Number.NEGATIVE_INFINITY;

/** Runs oneDNN's maximum pooling on one pixel. @throws EngineError where it is not there */
export function tryOneDnnPooling(runtime: Runtime, pixel: number): void {
  const window = { kernel: [1, 1], stride: [1, 1] } as const;
  const attributes = [...windowAttributes(window, 'VALID', DataType.float), ...ONEDNN];
  const outputs = runtime.runAll('_MklNativeMaxPool', attributes, [pixel], 2);
  for (const id of outputs) runtime.binding.deleteTensor(id);
}

export function pool(runtime: Runtime, x: NativeTensor, window: PoolWindow): Forward {
  expectShape('the input of a pooling', x, [null, null, null, null]);
  checkPoolWindow(window);
  const { type } = x;
  const plan = planPool(runtime, x, window);
  const shape = [x.shape[0]!, ...plan.output, x.shape[3]!];
  const filler = window.kind === 'max' ? LOWEST : 0;
  const padded = padInput(runtime, runtime.value(x), plan, type, filler);
  const input = padded === null ? runtime.retain(x) : runtime.own(padded, plan.padded, type);
  if (plan.kind === 'average') {
    let id = runtime.run('AvgPool', plan.attributes, [input.id]);
    runtime.dispose(input);
    if (plan.correction !== null) {
      id = runtime.chain(id, 'Mul', [elements(type)], [plan.correction]);
    }
    const saved: PoolSaved = { kind: 'pool', plan, type, kept: [] };
    return { y: runtime.own(id, shape, type), saved };
  }
  const kept = [input];
  let id: number;
  if (plan.kind === 'oneDNN max') {
    const ids = runtime.runAll('_MklNativeMaxPool', plan.attributes, [input.id], 2);
    id = ids[0]!;
    kept.push(runtime.own(ids[1]!, []));
  } else {
    id = runtime.run('MaxPool', plan.attributes, [input.id]);
  }
  const y = runtime.own(id, shape, type);
  kept.splice(1, 0, runtime.retain(y));
  const saved: PoolSaved = { kind: 'pool', plan, type, kept };
  return { y, saved };
}

/**
 * Where a maximum was taken of maps that a ReLU made, the gradient of that ReLU is taken along, on the smaller signal:
 * the ReLU passes on what reaches a maximum above zero, and nothing else arrives at all.
 */
export function poolGradient(runtime: Runtime, saved: PoolSaved, dy: Tensor): Tensor {
  const { plan, type, kept } = saved;
  expectShape('the signal', dy, [plan.input[0]!, ...plan.output, plan.input[3]!]);
  const [input, output, ...positions] = kept;
  const masked = runtime.mode.ownKernels && input?.rectified === true;
  let sums: number | null = null;
  const id = scoped(runtime, (scope) => {
    let signal = scope.as(runtime.check(dy), type);
    if (plan.kind === 'average') {
      if (plan.correction !== null) {
        const factors = [signal, plan.correction];
        signal = scope.temporary(runtime.run('Mul', [elements(type)], factors));
      }
      return runtime.run('AvgPoolGrad', plan.attributes, [runtime.ints(plan.padded), signal]);
    }
    if (masked) {
      const [dz, all] = reluGradient(runtime, signal, output!, type, true);
      signal = scope.temporary(dz);
      sums = all;
    }
    const op = plan.kind === 'max' ? 'MaxPoolGrad' : '_MklNativeMaxPoolGrad';
    const [x, y, ...places] = [input!, output!, ...positions].map((t) => runtime.value(t));
    return runtime.run(op, plan.attributes, [x!, y!, signal, ...places]);
  });
  const dx = runtime.own(cropGradient(runtime, id, plan, type), plan.input, type);
  if (sums !== null) {
    dx.maskedBy = input!;
    dx.sums = sums;
  }
  return dx;
}

function planPool(runtime: Runtime, x: NativeTensor, window: PoolWindow): PoolPlan {
  const plan = planWindow(x.shape, window);
  const attributes = windowAttributes(window, plan.rule, x.type);
  if (window.kind === 'max') {
    const { oneDnnPooling } = runtime.mode;
    if (!oneDnnPooling || window.kernel[0] * window.kernel[1] > LARGEST_ONEDNN_WINDOW) {
      return { ...plan, kind: 'max', attributes, correction: null };
    }
    return {
      ...plan,
      kind: 'oneDNN max',
      attributes: [...attributes, ...ONEDNN],
      correction: null,
    };
  }
  const correction = averageCorrection(runtime, plan, window, x.type);
  return { ...plan, kind: 'average', attributes, correction };
}

function windowAttributes(
  window: Pick<PoolWindow, 'kernel' | 'stride'>,
  rule: string,
  type: ElementType,
) {
  return [
    elements(type),
    CHANNELS_LAST,
    intAttribute('ksize', [1, ...window.kernel, 1]),
    intAttribute('strides', [1, ...window.stride, 1]),
    stringAttribute('padding', rule),
  ];
}

/** TensorFlow's divisor over the wanted one, `[1, oh, ow, 1]`; null where they agree everywhere. */
function averageCorrection(
  runtime: Runtime,
  plan: WindowPlan,
  window: PoolWindow,
  type: ElementType,
): number | null {
  const { kernel, stride, padding, counted } = window;
  const [, height = 0, width = 0] = plan.input;
  const zero = [0, 0] as const;
  /** Positions per window along one axis when `margin` pixels of the padding count. */
  const spans = (axis: 0 | 1, size: number, margin: readonly [number, number]) =>
    Array.from({ length: plan.output[axis] }, (_, index) => {
      const start = index * stride[axis] - padding[axis * 2]!;
      const end = Math.min(start + kernel[axis], size + margin[1]);
      return Math.max(end - Math.max(start, -margin[0]), 0);
    });
  const wanted = {
    rows: spans(0, height, [counted[0], counted[1]]),
    columns: spans(1, width, [counted[2], counted[3]]),
  };
  const same = plan.rule === 'SAME';
  const actual = {
    rows: same ? spans(0, height, zero) : wanted.rows.map(() => kernel[0]),
    columns: same ? spans(1, width, zero) : wanted.columns.map(() => kernel[1]),
  };
  const factors = wanted.rows.flatMap((rows, r) =>
    wanted.columns.map(
      (columns, c) => (actual.rows[r]! * actual.columns[c]!) / Math.max(rows * columns, 1),
    ),
  );
  if (factors.every((factor) => factor === 1)) return null;
  const key = `average ${[kernel, stride, padding, counted, [height, width]].join(';')} ${plan.rule}`;
  return runtime.floats(key, [1, ...plan.output, 1], () => Float32Array.from(factors), type);
}
