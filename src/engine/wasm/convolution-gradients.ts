/**
 * Gradients of a convolution, written as ordinary convolutions and matrix products, for which the backend has fast
 * kernels (its own input gradient kernel is 10 times slower, and it has none for the filter gradient).
 */
import type { Window } from '../engine.js';
import { type ConvFacts, convAttributes, convForward } from './convolution.js';
import { type Block, type Four, fourOf, type Heap, sizeOf } from './heap.js';
import { winogradFilterGradient } from './winograd-convolution.js';
import { takesWinograd } from './winograd-form.js';

/** At most so many values, 16 MB, in what one matrix product or convolution spreads out or packs. */
const spreadLimit = 1 << 22;

/** `dL/dfilter` `[kh, kw, in, out]` from `dz` `[b, oh, ow, out]`. The caller owns it. */
export function filterGradient(
  heap: Heap,
  facts: ConvFacts,
  dz: Block,
  limit = spreadLimit,
): Block {
  const { x, filter, window } = facts;
  if (isPointwise(window)) return pointwiseFilterGradient(heap, x, filter, dz);
  const [, , channels, outputs] = fourOf(filter.shape);
  const [, height, width] = fourOf(dz.shape);
  if (
    heap.winograd &&
    takesWinograd('filterGradient', window, channels, [height, width], outputs)
  ) {
    const options = { filter: filter.shape, padding: window.padding };
    return winogradFilterGradient(heap, heap.winograd, { x, dz }, options);
  }
  const gradient = heap.alloc(filter.shape);
  heap.values(gradient).fill(0);
  const [batch] = fourOf(x.shape);
  const atOnce = imagesAtOnce(sizeOf(dz.shape) / batch, limit);
  for (let first = 0; first < batch; first += atOnce) {
    const count = Math.min(atOnce, batch - first);
    const [images, signal] = [
      takeImages(heap, x, first, count),
      takeImages(heap, dz, first, count),
    ];
    const positions = correlate(heap, images, signal, window);
    heap.free(images);
    heap.free(signal);
    addPositions(
      heap.values(positions),
      heap.values(gradient),
      fourOf(positions.shape),
      fourOf(filter.shape),
    );
    heap.free(positions);
  }
  return gradient;
}

function imagesAtOnce(valuesPerImage: number, limit: number): number {
  return Math.max(1, Math.floor(limit / valuesPerImage));
}

/** A block of `count` images from image `first`: a copy, or the block itself if those are all. The caller owns it. */
function takeImages(heap: Heap, block: Block, first: number, count: number): Block {
  const [batch = 0, ...shape] = block.shape;
  if (count === batch) return heap.share(block);
  const part = heap.alloc([count, ...shape]);
  const size = sizeOf(shape);
  heap.values(part).set(heap.values(block).subarray(first * size, (first + count) * size));
  return part;
}

/**
 * Every channel of `x` against every channel of `dz`, at each position of the filter: `[in, rows, columns, out]`.
 * Channels act as the batch, and dz as a filter whose taps are `stride` apart. The end is padded just so far as
 * the windows reached; where they left pixels over there are more positions than the filter has.
 */
function correlate(heap: Heap, x: Block, dz: Block, { kernel, stride, padding }: Window): Block {
  const [, height, width] = fourOf(x.shape);
  const [, oh, ow] = fourOf(dz.shape);
  const [top, , left] = padding;
  const bottom = Math.max(0, (oh - 1) * stride[0] + kernel[0] - height - top);
  const right = Math.max(0, (ow - 1) * stride[1] + kernel[1] - width - left);
  const images = heap.transpose(x, [3, 1, 2, 0]);
  const taps = heap.transpose(dz, [1, 2, 0, 3]);
  const attributes = convAttributes([top, bottom, left, right], [1, 1], stride);
  const positions = heap.run('Conv2D', { x: images, filter: taps }, attributes);
  heap.free(images);
  heap.free(taps);
  return positions;
}

/** Adds positions `[in, rows, columns, out]` to a gradient `[kh, kw, in, out]`. */
function addPositions(
  positions: Float32Array,
  gradient: Float32Array,
  [, rows, columns]: Four,
  [kh, kw, inn, out]: Four,
): void {
  for (let ky = 0, to = 0; ky < kh; ky++)
    for (let kx = 0; kx < kw; kx++)
      for (let i = 0; i < inn; i++) {
        const from = ((i * rows + ky) * columns + kx) * out;
        for (let o = 0; o < out; o++, to++)
          gradient[to] = (gradient[to] as number) + (positions[from + o] as number);
      }
}

function isPointwise({ kernel, stride, padding }: Window): boolean {
  return [...kernel, ...stride].every((n) => n === 1) && padding.every((n) => n === 0);
}

/** A 1x1 convolution is a matrix product: `x^T [in, b*h*w]` times `dz [b*h*w, out]`. */
function pointwiseFilterGradient(heap: Heap, x: Block, filter: Block, dz: Block): Block {
  const [, , inn, out] = fourOf(filter.shape);
  const pixels = sizeOf(dz.shape) / out;
  const transposed = heap.transpose({ ...x, shape: [pixels, inn] }, [1, 0]);
  const gradient = heap.matMul(transposed, { ...dz, shape: [pixels, out] });
  heap.free(transposed);
  return { ...gradient, shape: [...filter.shape] };
}

/** `dL/dx` `[b, h, w, in]` from `dz` `[b, oh, ow, out]`. The caller owns it. */
export function inputGradient(heap: Heap, facts: ConvFacts, dz: Block, limit = spreadLimit): Block {
  const { kernel, stride, padding } = facts.window;
  const reach = [kernel[0], kernel[0], kernel[1], kernel[1]];
  const withinReach = padding.every((pixels, side) => pixels < (reach[side] ?? 0));
  if (stride[0] === 1 && stride[1] === 1 && withinReach) return flippedConv(heap, facts, dz);
  return columnsToImage(heap, facts, dz, limit);
}

/** Stride 1: `dz` convolved with the filter turned by 180 degrees, its channels swapped. */
function flippedConv(heap: Heap, { filter, window }: ConvFacts, dz: Block): Block {
  const [kh, kw, inn, out] = fourOf(filter.shape);
  const flipped = heap.alloc([kh, kw, out, inn]);
  const [to, from] = [heap.values(flipped), heap.values(filter)];
  for (let tap = 0; tap < kh * kw; tap++) {
    const source = (kh * kw - 1 - tap) * inn * out;
    for (let i = 0; i < inn; i++)
      for (let o = 0; o < out; o++)
        to[(tap * out + o) * inn + i] = from[source + i * out + o] as number;
  }
  const [top, bottom, left, right] = window.padding;
  const turned: Window = {
    kernel: window.kernel,
    stride: [1, 1],
    padding: [kh - 1 - top, kh - 1 - bottom, kw - 1 - left, kw - 1 - right],
  };
  const dx = convForward(heap, dz, flipped, null, { window: turned, relu: false });
  heap.free(flipped);
  return dx;
}

/** Any stride: `dz` times the transposed filter gives what every window sends to its pixels; these are summed. */
function columnsToImage(
  heap: Heap,
  { x, filter, window }: ConvFacts,
  dz: Block,
  limit: number,
): Block {
  const [kh, kw, inn, out] = fourOf(filter.shape);
  const [batch, oh, ow] = fourOf(dz.shape);
  const rows = kh * kw * inn;
  const weights = heap.transpose({ ...filter, shape: [rows, out] }, [1, 0]);
  const dx = heap.alloc(x.shape);
  heap.values(dx).fill(0);
  const atOnce = imagesAtOnce(oh * ow * rows, limit);
  for (let first = 0; first < batch; first += atOnce) {
    const count = Math.min(atOnce, batch - first);
    const part = takeImages(heap, dz, first, count);
    const columns = heap.matMul({ ...part, shape: [count * oh * ow, out] }, weights);
    heap.free(part);
    sumColumns(
      heap.values(columns),
      heap.values(dx),
      fourOf(x.shape),
      [oh, ow],
      window,
      first,
      count,
    );
    heap.free(columns);
  }
  heap.free(weights);
  return dx;
}

/** Adds `columns` `[images, oh, ow, kh, kw, in]` to the pixels of `dx` `[b, h, w, in]` under their windows. */
function sumColumns(
  columns: Float32Array,
  dx: Float32Array,
  [, height, width, inn]: Four,
  [oh, ow]: readonly [number, number],
  { kernel, stride, padding }: Window,
  first: number,
  images: number,
): void {
  let from = 0;
  for (let image = first; image < first + images; image++)
    for (let oy = 0; oy < oh; oy++)
      for (let ox = 0; ox < ow; ox++)
        for (let ky = 0; ky < kernel[0]; ky++) {
          const y = oy * stride[0] - padding[0] + ky;
          for (let kx = 0; kx < kernel[1]; kx++, from += inn) {
            const x = ox * stride[1] - padding[2] + kx;
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            const to = ((image * height + y) * width + x) * inn;
            for (let i = 0; i < inn; i++)
              dx[to + i] = (dx[to + i] as number) + (columns[from + i] as number);
          }
        }
}
