/**
 * libjpeg-turbo's own interface (TurboJPEG 3), called in the library that `@julusian/jpeg-turbo` brings ready-made.
 *
 * Facts that its documentation does not tell (measured with 3.1.2): with its defaults, pixels equal Pillow's to the bit;
 * a warning is a result of −1 with the error code 0, so −1 is all that counts here; the scale and the region stay set
 * for the next image; the code and text of an error are not reset by a good decode. After a header that could not be read,
 * the same handle may say of the next file that it has been read, and give the size of the one before: so a handle that
 * has failed is not used again.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { KoffiFunc } from 'koffi';
import { addressSpaceLimit } from '../../address-space.js';
import type { Region } from './image-part.js';

/** What the header says by the library itself. */
export interface Header {
  width: number;
  height: number;
  /** TJSAMP: 0 is 4:4:4, 1 4:2:2, 2 4:2:0, 3 gray. */
  subsampling: number;
  /** TJCS: 1 is luma and chroma, 2 gray. */
  colorspace: number;
  /** Bits of a sample. */
  precision: number;
  lossless: boolean;
  arithmetic: boolean;
}

type Handle = object;
interface Scale {
  num: number;
  denom: number;
}
interface CroppingRegion {
  x: number;
  y: number;
  w: number;
  h: number;
}

interface Library {
  init(kind: number): Handle | null;
  destroy(handle: Handle): void;
  set(handle: Handle, parameter: number, value: number): number;
  get(handle: Handle, parameter: number): number;
  header(handle: Handle, bytes: Uint8Array, length: number): number;
  scale(handle: Handle, factor: Scale): number;
  crop(handle: Handle, region: CroppingRegion): number;
  decompress: KoffiFunc<
    (
      handle: Handle,
      bytes: Uint8Array,
      length: number,
      out: Uint8Array,
      pitch: number,
      format: number,
    ) => number
  >;
}

const DECOMPRESS = 1;
const RGB = 0;
const PARAMETER = {
  subsampling: 4,
  width: 5,
  height: 6,
  precision: 7,
  colorspace: 8,
  mostScans: 13,
  arithmetic: 14,
  lossless: 15,
};
/** As libvips allows. */
const MOST_SCANS = 100;

const require = createRequire(import.meta.url);
let loaded: Library | null | undefined;
let reason: string | null = null;

/** Of address space: each WebAssembly memory, and threads have some of their own, takes up to ten. */
const RESIZING_SPACE = 128 * 2 ** 30;

let stays = false;

/**
 * From now on what this thread decodes is decoded on it, and not on one of libuv's: for threads that do nothing else.
 * Changing threads takes as long as decoding a small image.
 */
export function decodeOnThisThread(): void {
  stays = true;
}

/** Why there is no fast decoder, in a few words; null if there is one. */
export function whyNoTurboJpeg(): string | null {
  library();
  return reason;
}

function library(): Library | null {
  if (loaded !== undefined) return loaded;
  loaded = null;
  if (process.env.RELAYBP_LIBJPEG_TURBO === 'off') {
    reason = 'RELAYBP_LIBJPEG_TURBO is "off"';
    return null;
  }
  const limit = addressSpaceLimit(RESIZING_SPACE);
  if (limit && limit.bytes < RESIZING_SPACE) {
    reason = `${limit.said}, and resizing them by WebAssembly reserves more; ${limit.fix}`;
    return null;
  }
  try {
    loaded = open();
  } catch (error) {
    reason = (error as Error).message.split('\n')[0]!;
  }
  return loaded;
}

/** @throws Error if it is not there, or not for this platform */
function open(): Library {
  const koffi = require('koffi') as typeof import('koffi');
  const folder = dirname(require.resolve('@julusian/jpeg-turbo/package.json'));
  const platform = `jpeg-turbo-${process.platform}-${process.arch}`;
  let failure: unknown = null;
  // The second is for systems whose C library is musl.
  for (const name of [platform, `${platform}-musl`]) {
    try {
      const path = join(folder, 'prebuilds', name, 'libturbojpeg.so.0');
      return functions(koffi, koffi.load(path));
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function functions(koffi: typeof import('koffi'), file: ReturnType<typeof koffi.load>): Library {
  const scale = koffi.struct({ num: 'int', denom: 'int' });
  const region = koffi.struct({ x: 'int', y: 'int', w: 'int', h: 'int' });
  const pointer = 'void *';
  return {
    init: file.func('tj3Init', pointer, ['int']),
    destroy: file.func('tj3Destroy', 'void', [pointer]),
    set: file.func('tj3Set', 'int', [pointer, 'int', 'int']),
    get: file.func('tj3Get', 'int', [pointer, 'int']),
    header: file.func('tj3DecompressHeader', 'int', [pointer, pointer, 'size_t']),
    scale: file.func('tj3SetScalingFactor', 'int', [pointer, scale]),
    crop: file.func('tj3SetCroppingRegion', 'int', [pointer, region]),
    decompress: file.func('tj3Decompress8', 'int', [
      ...[pointer, pointer, 'size_t', pointer, 'int', 'int'],
    ]),
  };
}

/** Decodes one image after the other. It holds memory outside of JavaScript's until `close()`. */
export class JpegDecoder {
  readonly #library: Library;
  readonly #handle: Handle;
  #failed = false;

  private constructor(library: Library, handle: Handle) {
    this.#library = library;
    this.#handle = handle;
  }

  /** Null where the library is missing. */
  static open(): JpegDecoder | null {
    const found = library();
    const handle = found?.init(DECOMPRESS);
    if (!found || !handle) return null;
    found.set(handle, PARAMETER.mostScans, MOST_SCANS);
    return new JpegDecoder(found, handle);
  }

  /** Whether it has refused a file: it must be closed then. */
  get failed(): boolean {
    return this.#failed;
  }

  /**
   * Null if there is anything wrong with it. Of a file that ends before its picture begins the library says nothing, and
   * leaves what it said of the one before: `readJpegHeader` sees to that.
   */
  header(bytes: Uint8Array): Header | null {
    if (this.#failed) throw new Error('this decoder has failed');
    const handle = this.#handle;
    this.#failed = this.#library.header(handle, bytes, bytes.length) !== 0;
    if (this.#failed) return null;
    const get = (name: keyof typeof PARAMETER): number =>
      this.#library.get(handle, PARAMETER[name]);
    return {
      width: get('width'),
      height: get('height'),
      subsampling: get('subsampling'),
      colorspace: get('colorspace'),
      precision: get('precision'),
      lossless: get('lossless') !== 0,
      arithmetic: get('arithmetic') !== 0,
    };
  }

  /**
   * Decodes what `header` has been called for, on a thread of libuv's pool unless `decodeOnThisThread` was called.
   *
   * @param shrink the picture is decoded at 1 / shrink of its size, rounded up: 1, 2, 4 or 8
   * @param part of the picture of that size that is decoded, `left` at the beginning of a block; null: all
   * @param out receives 8-bit RGB, row after row
   * @returns whether it went without an error or a warning; else `out` is not to be used
   */
  async decode(
    bytes: Uint8Array,
    shrink: number,
    part: Region | null,
    out: Uint8Array,
  ): Promise<boolean> {
    const handle = this.#handle;
    const width = part?.width ?? Math.ceil(this.#library.get(handle, PARAMETER.width) / shrink);
    const height = part?.height ?? Math.ceil(this.#library.get(handle, PARAMETER.height) / shrink);
    if (out.length < 3 * width * height) throw new RangeError('no room for the pixels');
    const region = {
      x: part?.left ?? 0,
      y: part?.top ?? 0,
      w: part?.width ?? 0,
      h: part?.height ?? 0,
    };
    this.#failed = true; // until it is done
    if (this.#library.scale(handle, { num: 1, denom: shrink }) !== 0) return false;
    if (this.#library.crop(handle, region) !== 0) return false;
    const { decompress } = this.#library;
    const given = [handle, bytes, bytes.length, out, 3 * width, RGB] as const;
    const status = stays
      ? decompress(...given)
      : await new Promise<number>((resolve, reject) => {
          decompress.async(...given, (error: Error | null, status: number) =>
            error ? reject(error) : resolve(status),
          );
        });
    this.#failed = status !== 0;
    return !this.#failed;
  }

  close(): void {
    this.#library.destroy(this.#handle);
  }
}
