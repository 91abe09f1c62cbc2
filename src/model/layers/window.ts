import type { Shape, Window } from '../../engine/engine.js';
import { ConfigError } from '../../errors.js';
import type { Place } from './layer-type.js';
import type { PaddingSpec } from './schema-parts.js';

type Pair = readonly [number, number];
type Padding = Window['padding'];

export interface WindowSpec {
  kernel: number | Pair;
  stride: number | Pair;
  padding: PaddingSpec;
  rounding: 'floor' | 'ceil';
}

export const pair = (value: number | Pair): [number, number] =>
  typeof value === 'number' ? [value, value] : [value[0], value[1]];

/**
 * Resolves a window against its input's size.
 *
 * `ceil` rounding (Caffe's, and PyTorch's ceil_mode) keeps a last window that sticks out at the end, provided that
 * it begins inside the image or its leading padding; what sticks out becomes padding at the end.
 *
 * @returns the window, its output size, and the padding as declared, before rounding
 * @throws ConfigError where the kernel does not fit or `same` has no symmetric answer
 */
export function resolveWindow(
  spec: WindowSpec,
  place: Place,
): { window: Window; output: [number, number]; declared: Padding } {
  const [height, width] = mapSize(place);
  const kernel = pair(spec.kernel);
  const stride = pair(spec.stride);
  const [top, bottom, left, right] =
    spec.padding === 'tf-same'
      ? [...tfSame(height, kernel[0], stride[0]), ...tfSame(width, kernel[1], stride[1])]
      : explicitPadding(spec.padding, kernel, place);
  const y = along(height, kernel[0], stride[0], [top, bottom], spec.rounding);
  const x = along(width, kernel[1], stride[1], [left, right], spec.rounding);
  if (y.output < 1 || x.output < 1) {
    throw new ConfigError(
      `a ${kernel.join('x')} kernel does not fit the ${height}x${width} map with padding [${[top, bottom, left, right].join(', ')}]`,
      'use a smaller kernel, more padding, or fewer strides before it',
      place.path,
    );
  }
  return {
    window: { kernel, stride, padding: [top, y.end, left, x.end] },
    output: [y.output, x.output],
    declared: [top, bottom, left, right],
  };
}

/** The height and width of a layer's input, which must be a map. */
export function mapSize(place: Place): Pair {
  const [height, width, channels] = place.input;
  if (height === undefined || width === undefined || channels === undefined) {
    throw new ConfigError(
      `this layer needs a [height, width, channels] map, but its input is [${place.input.join(', ')}]`,
      'place it before the first fc or spp layer',
      place.path,
    );
  }
  return [height, width];
}

function along(
  size: number,
  kernel: number,
  stride: number,
  [start, end]: Pair,
  rounding: 'floor' | 'ceil',
): { output: number; end: number } {
  const room = size + start + end - kernel;
  if (room < 0 && rounding === 'floor') return { output: 0, end };
  let output = Math[rounding](room / stride) + 1;
  if (rounding === 'ceil' && (output - 1) * stride >= size + start) output -= 1;
  return { output, end: Math.max(end, (output - 1) * stride + kernel - size - start) };
}

/** TensorFlow's SAME: as much as gives `ceil(size / stride)` outputs, an odd pixel at the end. */
function tfSame(size: number, kernel: number, stride: number): [number, number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

function explicitPadding(
  padding: Exclude<PaddingSpec, 'tf-same'>,
  kernel: Pair,
  place: Place,
): Padding {
  if (padding === 'valid') return [0, 0, 0, 0];
  if (padding === 'same') {
    if (kernel[0] % 2 === 0 || kernel[1] % 2 === 0) {
      throw new ConfigError(
        `padding "same" is symmetric and needs an odd kernel, not ${kernel.join('x')}`,
        'give the padding as [top, bottom, left, right]',
        place.path,
      );
    }
    const [y, x] = [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2];
    return [y, y, x, x];
  }
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  if (padding.length === 2) return [padding[0], padding[0], padding[1], padding[1]];
  return padding;
}

export const channelsOf = (shape: Shape): number => shape.at(-1)!;
