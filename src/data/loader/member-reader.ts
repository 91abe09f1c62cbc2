/** Reads the bytes of images that lie in tar shards and Parquet files. */
import type { FileHandle } from 'node:fs/promises';
import type { FileMetaData } from 'hyparquet';
import { getSchemaPath } from 'hyparquet/src/schema.js';
import { openRegularFile } from '../../regular-file.js';
import { type ImageIndex, joinPath } from '../index/image-index.js';
import { fileOf, IN_PAGE, type Members, PAGE } from '../index/members.js';
import { chunkOf, FOOTER_END, readFooter } from '../index/parquet-file.js';
import { decodePage, type ImageChunk } from '../index/parquet-pages.js';
import { RecentlyUsed } from './recently-used.js';

/** Files that stay open: a set may have more shards than a process may have files. */
const MOST_OPEN = 64;

/** Bytes of decoded pages that are kept, as the next image is likely to lie in the same page where rows are read in order. */
const PAGE_BYTES = 1 << 26;

interface OpenFile {
  opening: Promise<FileHandle>;
  /** Reads under way. */
  users: number;
}

/** Files stay open until `close()`, or until others are needed more. */
export class MemberReader {
  readonly #root: string;
  readonly #members: Members;
  /** Decoded pages, and what Parquet files say of themselves. */
  readonly #pages = new RecentlyUsed<number, (Uint8Array | null)[]>(PAGE_BYTES, (images) =>
    images.reduce((sum, image) => sum + (image?.length ?? 0), 0),
  );
  readonly #footers = new RecentlyUsed<number, FileMetaData>(MOST_OPEN, () => 1);
  /** By number, the one used last at the end. */
  readonly #files = new Map<number, OpenFile>();

  /** @param index one with members */
  constructor({ root, members }: ImageIndex & { members: Members }) {
    this.#root = root;
    this.#members = members;
  }

  /** The image as it was packed. @throws Error in a few words if it cannot be read, or its file is another one by now */
  async bytes(image: number): Promise<Buffer> {
    const { offsets, lengths, rows } = this.#members;
    const [offset, length] = [offsets[image]!, lengths[image]!];
    if (length === 0) throw new Error('it has no contents');
    const number = fileOf(this.#members, image);
    if (length !== IN_PAGE)
      return await this.#within(number, (file) => readAt(file, offset, length));
    const images = await this.#pages.get(offset, () => this.#page(number, offset));
    const bytes = images[rows[image]!];
    if (!bytes?.length) throw new Error('it has no contents');
    return Buffer.from(bytes); // libvips must not see the page go
  }

  /** The images of a page that has to be decoded. */
  async #page(number: number, page: number): Promise<(Uint8Array | null)[]> {
    const { pages, column } = this.#members;
    const at = PAGE.numbers * page;
    const of = (key: keyof typeof PAGE): number => pages[at + PAGE[key]]!;
    return await this.#within(number, async (file) => {
      const chunk = await this.#chunk(number, file, of('group'), column ?? []);
      const bytes = await readAt(file, of('offset'), of('length'));
      const has = of('dictionaryLength') > 0;
      const words = has ? await readAt(file, of('dictionary'), of('dictionaryLength')) : null;
      return decodePage(bytes, words, chunk);
    });
  }

  async #chunk(
    number: number,
    file: FileHandle,
    group: number,
    column: readonly string[],
  ): Promise<ImageChunk> {
    const { size } = this.#members.files[number]!;
    const metadata = await this.#footers.get(number, async () => {
      const { bytes, start } = await footerOf(file, size);
      return readFooter(size, (at, length) => bytes.subarray(at - start, at - start + length));
    });
    const row = metadata.row_groups[group];
    if (!row) throw new Error('its shard is another one by now');
    return { data: chunkOf(row, column), schemaPath: getSchemaPath(metadata.schema, [...column]) };
  }

  async #within<T>(number: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
    const open = this.#files.get(number) ?? { opening: this.#open(number), users: 0 };
    this.#files.delete(number);
    this.#files.set(number, open);
    open.users++;
    try {
      const file = await open.opening.catch((error: unknown) => {
        this.#files.delete(number); // it is tried again next time
        throw error;
      });
      return await use(file);
    } finally {
      open.users--;
      await this.#closeOldest();
    }
  }

  async #open(number: number): Promise<FileHandle> {
    const { path, size, mtimeMs } = this.#members.files[number]!;
    const { file, size: now } = await openRegularFile(joinPath(this.#root, path));
    const stats = await file.stat();
    if (now === size && stats.mtimeMs === mtimeMs) return file;
    await file.close();
    throw new Error(
      `${path} has changed since its index was made (start again with --rebuild-index)`,
    );
  }

  async #closeOldest(): Promise<void> {
    if (this.#files.size <= MOST_OPEN) return;
    const [number, open] = [...this.#files].find(([, { users }]) => users === 0) ?? [];
    if (number === undefined || !open) return;
    this.#files.delete(number);
    await open.opening.then((file) => file.close());
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(
      [...this.#files.values()].map(({ opening }) => opening),
    );
    this.#files.clear();
    await Promise.all(opened.map((file) => file.status === 'fulfilled' && file.value.close()));
  }
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  if (bytesRead !== length) throw new Error('its shard is cut off');
  return bytes;
}

/** The footer of a Parquet file with what follows it, and where it begins. */
async function footerOf(file: FileHandle, size: number): Promise<{ bytes: Buffer; start: number }> {
  const end = await readAt(file, size - FOOTER_END, FOOTER_END);
  const length = Math.min(size, end.readUInt32LE(0) + FOOTER_END);
  return { bytes: await readAt(file, size - length, length), start: size - length };
}
