import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import sharp from 'sharp';
import { decodeImage } from '../data/images/decode.js';
import type { Pixels } from '../data/images/preprocessing.js';
import { type ImageIndex, relativePath } from '../data/index/image-index.js';
import { ImageReader } from '../data/loader/image-reader.js';
import { indexCache } from '../experiment/data-cache.js';
import type { Picture, ShardPlace } from './validation-images.js';

/** Pixels a side. */
const SIDE = 208;

/** Where a picture comes from, of `picturesInPlace`: its file has no links on its way. */
export type PictureSource = Pick<Picture, 'file' | 'shard'>;

interface OpenShards {
  index: ImageIndex;
  reader: ImageReader;
}

/** Makes small pictures. The indexes of shards stay until `close()`. */
export class Thumbnails {
  readonly #open = new Map<string, Promise<OpenShards>>();

  /**
   * The middle of an image, square and small, as WebP.
   *
   * @throws Error if the file has become a link since it was found, which is not followed, or cannot be decoded
   */
  async make({ file, shard }: PictureSource): Promise<Buffer> {
    const path = shard ? resolve(shard.root, shard.path) : file;
    if ((await realpath(path)) !== file) throw new Error('it has become a link');
    const { data, width, height } = shard
      ? await this.#member(shard)
      : await decodeImage(file, SIDE);
    return sharp(data, { raw: { width, height, channels: 3 } })
      .extract({
        left: Math.floor((width - SIDE) / 2),
        top: Math.floor((height - SIDE) / 2),
        width: SIDE,
        height: SIDE,
      })
      .webp({ quality: 72 })
      .toBuffer();
  }

  async #member(shard: ShardPlace): Promise<Pixels> {
    const key = JSON.stringify([shard.root, shard.files]);
    const opening = this.#open.get(key) ?? openShards(shard);
    this.#open.set(key, opening);
    opening.catch(() => this.#open.delete(key));
    const { index, reader } = await opening;
    const loaded = reader.load(imageIn(index, shard)).catch(async (error: unknown) => {
      this.#open.delete(key); // they may have changed: opened anew next time
      await reader.close();
      throw error;
    });
    return (await loaded).decode({ resize: SIDE });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(closed));
    this.#open.clear();
  }
}

async function openShards({ files, root, columns }: ShardPlace): Promise<OpenShards> {
  const { index } = await indexCache({}).openShards(files, files.files[0]!, { root, columns });
  return { index, reader: new ImageReader(index) };
}

const closed = (opening: Promise<OpenShards>): Promise<void> =>
  opening.then(
    ({ reader }) => reader.close(),
    () => {},
  );

/** The number of an image in the index. @throws Error if it is not there */
function imageIn(index: ImageIndex, { path, name }: ShardPlace): number {
  const { files, starts } = index.members!;
  const shard = files.findIndex((file) => file.path === path);
  const [first, end] = [starts[shard] ?? 0, starts[shard + 1] ?? 0];
  const is = (i: number): boolean => relativePath(index, i) === `${path}/${name}`;
  const row = first + Number(name); // of a Parquet file
  if (row < end && is(row)) return row;
  for (let i = first; i < end; i++) if (is(i)) return i;
  throw new Error('there is no such image in it');
}

/**
 * Embeds pictures as data URIs, each read once.
 *
 * @returns how many images have no picture, as their files are not there any more
 */
export async function embedPictures(pictures: readonly Picture[]): Promise<number> {
  const thumbnails = new Thumbnails();
  const made = new Map<string, string | null>();
  try {
    for (const { image, ...source } of pictures) {
      const key = keyOf(source);
      if (!made.has(key)) made.set(key, await dataUri(thumbnails, source));
      image.picture = made.get(key) ?? null;
    }
  } finally {
    await thumbnails.close();
  }
  return pictures.filter(({ image }) => image.picture === null).length;
}

/** The same for the same picture alone. */
export const keyOf = ({ file, shard }: PictureSource): string =>
  JSON.stringify(shard ? [file, shard.name] : file);

async function dataUri(thumbnails: Thumbnails, source: PictureSource): Promise<string | null> {
  try {
    return `data:image/webp;base64,${(await thumbnails.make(source)).toString('base64')}`;
  } catch {
    return null; // moved or changed since it was evaluated
  }
}
