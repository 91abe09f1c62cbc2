/**
 * How a sliding window with explicit padding is laid out for TensorFlow.
 *
 * TensorFlow's fast kernels (oneDNN, cuDNN) know the padding rules VALID (none) and SAME; with explicit padding its
 * backward convolutions fall back to kernels that are 2 to 3 times slower. So padding that happens to be one of the two
 * rules is left to the kernel, and any other is added to the input beforehand.
 */
import { EngineError } from '../../../errors.js';
import type { Shape, Window } from '../../engine.js';

type Padding = Window['padding'];

export interface WindowPlan {
  readonly rule: 'VALID' | 'SAME';
  /** Padding to add to the input first, `[top, bottom, left, right]`, or null for none. */
  readonly pad: Padding | null;
  /** `[batch, height, width, channels]` of the input before padding. */
  readonly input: Shape;
  /** The input's shape after `pad`. */
  readonly padded: Shape;
  /** Height and width of the output. */
  readonly output: readonly [height: number, width: number];
}

/** @throws EngineError if the window is larger than the padded input */
export function planWindow(input: Shape, window: Window): WindowPlan {
  const [batch = 0, height = 0, width = 0, channels = 0] = input;
  const [top, bottom, left, right] = window.padding;
  const output = [
    Math.floor((height + top + bottom - window.kernel[0]) / window.stride[0]) + 1,
    Math.floor((width + left + right - window.kernel[1]) / window.stride[1]) + 1,
  ] as const;
  if (output[0] < 1 || output[1] < 1) {
    throw new EngineError(
      `a window of ${window.kernel.join('x')} does not fit into an input of ${height}x${width} ` +
        `with padding [${window.padding.join(', ')}]`,
    );
  }
  const base = { input, output };
  if (window.padding.every((amount) => amount === 0)) {
    return { ...base, rule: 'VALID', pad: null, padded: input };
  }
  const same = [
    ...samePadding(height, window.kernel[0], window.stride[0]),
    ...samePadding(width, window.kernel[1], window.stride[1]),
  ];
  if (window.padding.every((amount, side) => amount === same[side])) {
    return { ...base, rule: 'SAME', pad: null, padded: input };
  }
  const padded = [batch, height + top + bottom, width + left + right, channels];
  return { ...base, rule: 'VALID', pad: window.padding, padded };
}

/** What TensorFlow's rule SAME adds along one axis: before and after. */
function samePadding(size: number, kernel: number, stride: number): [number, number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}
