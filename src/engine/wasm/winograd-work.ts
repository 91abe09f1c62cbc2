/** The geometry of a convolution in Winograd's form, its work space on the heap, and what goes in and out of that. */
import type { Window } from '../engine.js';
import { type Block, fourOf, type Heap } from './heap.js';
import { copyImages, type Images } from './image-copy.js';
import { type Blocks, blocksOf, POINTS, roundUp, SEEN, TILE } from './winograd-form.js';
import type { WinogradKernels } from './winograd-kernels.js';

/** Images whose tiles are in work at once. */
export interface Group {
  first: number;
  images: number;
}

/** Tiles of a group from tile `first` on, and their number rounded up to fours. */
export interface Part {
  first: number;
  count: number;
  rows: number;
}

/** Outputs or signals made of whole tiles, `[images, 4 down, 4 across, channels]`: where the first in work begins. */
export interface Maps {
  address: number;
  channels: number;
}

/**
 * Of the work space: `input`, a group's padded images; `maps`, its outputs or signals filled up to whole tiles; `filters`,
 * or the sums for them; `tiles` of the input; `products`, or the tiles of the signal.
 */
type Region = 'scratch' | 'input' | 'maps' | 'filters' | 'tiles' | 'products';

/** Nothing may be allocated on the heap between its start and its end. */
export class WinogradWork {
  readonly channels: number;
  /** Channels of the input, filled up with zeros to a multiple of 4. */
  readonly padded: number;
  readonly outputs: number;
  /** Tiles of an image. */
  readonly down: number;
  readonly across: number;
  /** Whether whole tiles fill the output. */
  readonly exact: boolean;
  readonly blocks: Blocks;
  readonly #batch: number;
  readonly #inputSize: readonly [number, number];
  readonly #outputSize: readonly [number, number];
  readonly #space: Block;
  readonly #start: number;
  readonly #values: Float32Array;
  readonly #regions: Readonly<Record<Region, readonly [from: number, to: number]>>;

  /** @param y the output, or the signal to it. @throws OutOfMemoryError if the heap is full */
  constructor(
    private readonly heap: Heap,
    private readonly kernels: WinogradKernels,
    x: Block,
    y: Block,
    private readonly padding: Window['padding'],
  ) {
    const [batch, height, width, channels] = fourOf(x.shape);
    const [, oh, ow, outputs] = fourOf(y.shape);
    this.#batch = batch;
    this.#inputSize = [height, width];
    this.#outputSize = [oh, ow];
    this.channels = channels;
    this.padded = roundUp(channels, 4);
    this.outputs = outputs;
    this.down = Math.ceil(oh / TILE);
    this.across = Math.ceil(ow / TILE);
    this.exact = oh % TILE === 0 && ow % TILE === 0;
    this.blocks = blocksOf(batch, this.down * this.across, channels, outputs);
    const sizes = this.#sizes();
    let end = 0;
    const regions = Object.entries(sizes).map(([name, size]) => {
      const from = end;
      end += roundUp(size, 16);
      return [name, [from, end]];
    });
    this.#regions = Object.fromEntries(regions);
    this.#space = heap.alloc([end]);
    this.#start = heap.address(this.#space);
    this.#values = heap.values(this.#space);
    this.values('input').fill(0);
  }

  /** Numbers of values. */
  #sizes(): Record<Region, number> {
    const { down, across, padded, exact, blocks } = this;
    const columns = roundUp(blocks.outputs, 8);
    const [height, width] = this.#paddedSize();
    return {
      scratch: 4 * POINTS,
      input: blocks.images * height * width * padded,
      maps: exact ? 0 : blocks.images * TILE ** 2 * down * across * blocks.outputs,
      filters: POINTS * apart(padded * columns),
      tiles: POINTS * apart(blocks.tiles * padded),
      products: POINTS * apart(blocks.tiles * columns),
    };
  }

  #paddedSize(): [number, number] {
    return [TILE * this.down + SEEN - TILE, TILE * this.across + SEEN - TILE];
  }

  /** Its address. */
  at(region: Region): number {
    return this.#start + 4 * this.#regions[region][0];
  }

  values(region: Region): Float32Array {
    return this.#values.subarray(...this.#regions[region]);
  }

  /** Outputs whose filters are in work at once. */
  *outputBlocks(): Generator<{ k: number; count: number }> {
    const { outputs } = this.blocks;
    for (let k = 0; k < this.outputs; k += outputs)
      yield { k, count: Math.min(outputs, this.outputs - k) };
  }

  *groups(): Generator<Group> {
    for (let first = 0; first < this.#batch; first += this.blocks.images)
      yield { first, images: Math.min(this.blocks.images, this.#batch - first) };
  }

  *parts({ images }: Group): Generator<Part> {
    const all = images * this.down * this.across;
    for (let first = 0; first < all; first += this.blocks.tiles) {
      const count = Math.min(this.blocks.tiles, all - first);
      yield { first, count, rows: roundUp(count, 4) };
    }
  }

  /** Copies a group's images into the middle of zeros. */
  padInput(x: Block, { first, images }: Group): void {
    const [height, width] = this.#inputSize;
    const [paddedHeight, paddedWidth] = this.#paddedSize();
    const [top, , left] = this.padding;
    const { channels, padded } = this;
    copyImages(
      { values: this.heap.values(x), height, width, channels, first },
      {
        values: this.values('input'),
        height: paddedHeight,
        width: paddedWidth,
        channels: padded,
        top,
        left,
      },
      { images, height, width, channels },
    );
  }

  /** Copies `count` channels from `channel` on of a group's signals into zeros that fill up the last tiles. */
  padSignal(dz: Block, group: Group, channel: number, count: number): void {
    const [signal, maps] = this.#maps(dz, group, channel, count);
    copyImages(signal, maps, this.#extent(group, count));
  }

  /** Copies `count` channels, to be `channel` and those after it, of a group's outputs without what fills up the last tiles. */
  cropOutput(y: Block, group: Group, channel: number, count: number): void {
    const [output, maps] = this.#maps(y, group, channel, count);
    copyImages(maps, output, this.#extent(group, count));
  }

  #maps(block: Block, { first }: Group, channel: number, count: number): [Images, Images] {
    const [height, width] = this.#outputSize;
    const { down, across, outputs } = this;
    return [
      { values: this.heap.values(block), height, width, channels: outputs, first, channel },
      {
        values: this.values('maps'),
        height: TILE * down,
        width: TILE * across,
        channels: count,
      },
    ];
  }

  #extent({ images }: Group, channels: number) {
    const [height, width] = this.#outputSize;
    return { images, height, width, channels };
  }

  /** Where a group's outputs or signals, `count` channels from `channel` on, lie in whole tiles. */
  wholeTiles(block: Block, { first }: Group, channel: number, count: number): Maps {
    if (!this.exact) return { address: this.at('maps'), channels: count };
    const [height, width] = this.#outputSize;
    const before = first * height * width * this.outputs + channel;
    return { address: this.heap.address(block) + 4 * before, channels: this.outputs };
  }

  /** Transforms the inputs of some tiles. */
  transformInputs(part: Part): void {
    if (part.count < part.rows) this.values('tiles').fill(0);
    const [height, width] = this.#paddedSize();
    const images = [this.at('input'), height, width, this.padded] as const;
    this.kernels.transformInputs(...images, ...this.#tilesOf(part, 'tiles'));
  }

  /** Transforms the signals of some tiles. Where they do not fill fours, or outputs eights, zeros do. */
  transformSignals(maps: Maps, part: Part, count: number): void {
    if (part.count < part.rows || count % 8 !== 0) this.values('products').fill(0);
    const tiles = this.#tilesOf(part, 'products');
    this.kernels.transformSignals(...this.#images(maps, count), ...tiles, maps.channels);
  }

  /** Transforms the products of some tiles back, adds the bias at an address (0: none), and applies ReLU. */
  transformOutputs(maps: Maps, part: Part, count: number, bias: number, relu: boolean): void {
    const tiles = this.#tilesOf(part, 'products');
    const last = [maps.channels, bias, Number(relu)] as const;
    this.kernels.transformOutputs(...this.#images(maps, count), ...tiles, ...last);
  }

  #images({ address }: Maps, count: number) {
    return [address, TILE * this.down, TILE * this.across, count] as const;
  }

  #tilesOf({ first, count, rows }: Part, region: Region) {
    const { across, down } = this;
    return [across, down, first, count, this.at(region), rows, this.at('scratch')] as const;
  }

  /** Transforms filters `[3, 3, in, out]`, `count` outputs of them from the one that begins at an address. */
  transformFilters(address: number, count: number): void {
    if (this.channels < this.padded || count % 8 !== 0) this.values('filters').fill(0);
    this.kernels.transformFilters(...this.#filters(address, count));
  }

  /** Transforms sums back to gradients `[3, 3, in, out]`, of which `count` outputs begin at an address. */
  transformSums(address: number, count: number): void {
    this.kernels.transformSums(...this.#filters(address, count));
  }

  #filters(address: number, count: number) {
    const { channels, outputs, padded } = this;
    const panels = [this.at('filters'), padded, this.at('scratch')] as const;
    return [address, channels, count, outputs, ...panels] as const;
  }

  /** Multiplies some tiles by the filters. */
  multiply({ rows }: Part, count: number): void {
    const [from, to] = [[this.at('tiles'), this.at('filters')] as const, this.at('products')];
    this.kernels.multiply(...from, to, rows, this.padded, Math.ceil(count / 8));
  }

  /** Adds, to the sums for the filters, the products of some tiles with their signals. */
  accumulate({ rows }: Part, count: number): void {
    const [from, to] = [[this.at('tiles'), this.at('products')] as const, this.at('filters')];
    this.kernels.accumulate(...from, to, rows, this.padded, Math.ceil(count / 8));
  }

  /** Frees the work space. */
  end(): void {
    this.heap.free(this.#space);
  }
}

/** Values from one point to the next, as winograd.wat has them: an odd number of lines of a cache. */
const apart = (size: number): number => size | 16;
