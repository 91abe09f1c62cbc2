/** Convolution, forward: one fused kernel where there is a bias. */
import type { Shape, Window } from '../engine.js';
import { reluInPlace } from './elementwise.js';
import { demand, show, WasmSaved } from './handles.js';
import { type Block, fourOf, type Heap } from './heap.js';
import { winogradForward } from './winograd-convolution.js';
import { takesWinograd } from './winograd-form.js';

/** What the gradients of a convolution need. The blocks are owned by the `WasmSaved` around it. */
export interface ConvFacts {
  x: Block;
  filter: Block;
  y: Shape;
  bias: boolean;
  window: Window;
}

export class ConvSaved extends WasmSaved<ConvFacts> {}

type Pair = readonly [number, number];

/** Attributes of the backend's convolution kernels. `padding` is `[top, bottom, left, right]`. */
export function convAttributes(padding: Window['padding'], strides: Pair, dilations: Pair) {
  const [top, bottom, left, right] = padding;
  return {
    strides: [...strides],
    dilations: [...dilations],
    pad: [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    dataFormat: 'NHWC',
    dimRoundingMode: 'floor',
  };
}

/** @throws EngineError if the shapes do not fit each other or the window. */
export function checkConv(x: Shape, filter: Shape, bias: Shape | undefined, window: Window): void {
  demand(x.length === 4, () => `conv needs x [b, h, w, in], got ${show(x)}`);
  const [kh, kw] = window.kernel;
  const [out = 0] = filter.slice(3);
  const fits =
    filter.length === 4 && filter[0] === kh && filter[1] === kw && filter[2] === x[3] && out > 0;
  demand(fits, () => `conv ${kh}x${kw} of ${show(x)} does not fit a filter of ${show(filter)}`);
  demand(!bias || (bias.length === 1 && bias[0] === out), () => {
    return `conv to ${out} channels does not fit a bias of ${show(bias ?? [])}`;
  });
  checkWindow(x, window);
}

/** @throws EngineError if the window does not fit into the padded image once. */
export function checkWindow(x: Shape, window: Window): void {
  const [outHeight, outWidth] = outputSize(x, window);
  demand(outHeight > 0 && outWidth > 0, () => {
    return `a window of ${window.kernel.join('x')} is larger than the padded image ${show(x)}`;
  });
}

/** Output height and width for an input `[b, h, w, c]`. */
export function outputSize(x: Shape, { kernel, stride, padding }: Window): [number, number] {
  const [, height = 0, width = 0] = x;
  return [
    Math.floor((height + padding[0] + padding[1] - kernel[0]) / stride[0]) + 1,
    Math.floor((width + padding[2] + padding[3] - kernel[1]) / stride[1]) + 1,
  ];
}

/** `x` convolved with `filter`, plus bias, then ReLU. The caller owns the result. */
export function convForward(
  heap: Heap,
  x: Block,
  filter: Block,
  bias: Block | null,
  { window, relu }: { window: Window; relu: boolean },
): Block {
  const [batch, , , channels] = fourOf(x.shape);
  const [size, outputs] = [outputSize(x.shape, window), fourOf(filter.shape)[3]];
  if (heap.winograd && takesWinograd('output', window, channels, size, outputs)) {
    const options = { output: [batch, ...size, outputs], padding: window.padding, relu };
    return winogradForward(heap, heap.winograd, { x, filter, bias }, options);
  }
  const attributes = convAttributes(window.padding, window.stride, [1, 1]);
  if (bias) {
    const activation = relu ? 'relu' : 'linear';
    return heap.run('FusedConv2D', { x, filter, bias }, { ...attributes, activation });
  }
  const y = heap.run('Conv2D', { x, filter }, attributes);
  if (relu) reluInPlace(heap.values(y));
  return y;
}
