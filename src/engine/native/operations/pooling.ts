/**
 * Pooling, forward and backward; see `Engine.pool` for shapes and ownership.
 *
 * Maximum: TensorFlow's own gradient searches for the maxima again and is slow on CPUs; oneDNN's operations remember
 * their positions and are 20 times faster. They exist under an internal name and are used where they run, in the type in
 * which they do.
 * Average: TensorFlow divides by the whole window under VALID, and by the real pixels under SAME. Any other divisor
 * is reached by a constant factor per output position.
 */
import type { Forward, PoolWindow, Tensor } from '../../engine.js';
import { checkPoolWindow } from '../../pool-window.js';
import { inScope } from '../../scope.js';
import {
  boolAttribute,
  CHANNELS_LAST,
  elements,
  intAttribute,
  stringAttribute,
} from '../runtime/attributes.js';
import type { ElementType } from '../runtime/binding.js';
import { computedAs } from '../runtime/mode.js';
import { ownAs, scoped } from '../runtime/native-scope.js';
import type { NativeTensor, Runtime } from '../runtime/runtime.js';
import { expectShape } from '../runtime/shapes.js';
import { reluGradient } from './activation.js';
import type { PoolCall } from './calls.js';
import { cropGradient, padInput } from './padding.js';
import type { PoolSaved } from './saved.js';
import { planWindow, type WindowPlan } from './window-padding.js';

const ONEDNN = [
  stringAttribute('_kernel', 'MklNameChangeOp'),
  boolAttribute('workspace_enabled', true),
];
/** oneDNN keeps the position inside a window in a byte. */
const LARGEST_ONEDNN_WINDOW = 255;
/** What padding holds under a maximum: nothing is lower. */
const LOWEST = Number.NEGATIVE_INFINITY;

export function pool(runtime: Runtime, x: NativeTensor, window: PoolWindow): Forward {
  expectShape('the input of a pooling', x, [null, null, null, null]);
  checkPoolWindow(window);
  const { type } = x;
  const plan = planPool(runtime, x, window);
  const shape = [x.shape[0]!, ...plan.output, x.shape[3]!];
  return inScope(runtime, (handles) => {
    const filler = window.kind === 'max' ? LOWEST : 0;
    const padded = padInput(runtime, runtime.value(x), plan, type, filler);
    const input = padded === null ? runtime.retain(x) : runtime.own(padded, plan.padded, type);
    if (plan.kind === 'average') {
      handles.temporary(input);
      const average = scoped(runtime, (scope) => {
        const id = runtime.run('AvgPool', plan.attributes, [scope.as(input, plan.type)]);
        if (plan.correction === null) return id;
        return runtime.chain(id, 'Mul', [elements(plan.type)], [plan.correction]);
      });
      const y = ownAs(runtime, average, shape, plan.type, type);
      const saved: PoolSaved = { kind: 'pool', plan, type, kept: [] };
      return { y, saved };
    }
    handles.result(input);
    const [op, outputs] = plan.kind === 'max' ? ['MaxPool', 1] : ['_MklNativeMaxPool', 2];
    const [id, ...places] = scoped(runtime, (scope) =>
      runtime.runAll(op, plan.attributes, [scope.as(input, plan.type)], outputs),
    );
    const positions = places.map((place) => handles.result(runtime.own(place, [])));
    const y = ownAs(runtime, id!, shape, plan.type, type);
    const saved: PoolSaved = {
      kind: 'pool',
      plan,
      type,
      kept: [input, runtime.retain(y), ...positions],
    };
    return { y, saved };
  });
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
  return scoped(runtime, (scope) => {
    const arriving = runtime.check(dy);
    let id: number;
    let sums: number | null = null;
    if (plan.kind === 'average') {
      let signal = scope.as(arriving, plan.type);
      if (plan.correction !== null) {
        const factors = [signal, plan.correction];
        signal = scope.temporary(runtime.run('Mul', [elements(plan.type)], factors));
      }
      id = runtime.run('AvgPoolGrad', plan.attributes, [runtime.ints(plan.padded), signal]);
    } else {
      let signal: number;
      if (masked) {
        const narrow = scope.as(arriving, type);
        [signal, sums] = reluGradient(runtime, narrow, output!, plan.type, true);
        scope.temporary(signal);
        scope.result(sums);
      } else signal = scope.as(arriving, plan.type);
      const op = plan.kind === 'max' ? 'MaxPoolGrad' : '_MklNativeMaxPoolGrad';
      const [x, y] = [input!, output!].map((t) => scope.as(t, plan.type));
      const places = positions.map((t) => runtime.value(t));
      id = runtime.run(op, plan.attributes, [x!, y!, signal, ...places]);
    }
    const inner = cropGradient(runtime, id, plan, plan.type);
    const dx = ownAs(runtime, inner, plan.input, plan.type, type);
    if (sums !== null) {
      dx.maskedBy = input!.values;
      dx.sums = sums;
    }
    return dx;
  });
}

function planPool(runtime: Runtime, x: NativeTensor, window: PoolWindow): PoolCall {
  const plan = planWindow(x.shape, window);
  const { mode } = runtime;
  if (window.kind === 'max') {
    const area = window.kernel[0] * window.kernel[1];
    const oneDnn = mode.oneDnnPooling && area <= LARGEST_ONEDNN_WINDOW;
    const type = computedAs(mode, oneDnn ? 'oneDnnPooling' : 'maxPool', x.type);
    const plain = windowAttributes(window, plan.rule, type);
    const attributes = oneDnn ? [...plain, ...ONEDNN] : plain;
    return { ...plan, kind: oneDnn ? 'oneDNN max' : 'max', type, attributes, correction: null };
  }
  const type = computedAs(mode, 'averagePool', x.type);
  const attributes = windowAttributes(window, plan.rule, type);
  const correction = averageCorrection(runtime, plan, window, type);
  return { ...plan, kind: 'average', type, attributes, correction };
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
