/** Where the parts of a data set go in the folder of the prepared one: never outside of it (docs/data.md). */
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { bytesOf, type FilePath, pathOf, shown } from '../data/index/file-names.js';
import { ConfigError } from '../errors.js';
import { isSystemError, messageOf } from '../system-error.js';
import { beginning } from '../temporary-path.js';

export interface ConfigPart {
  key: 'train' | 'val';
  /** As the config names it. */
  part: string;
}

export interface PlacedPart extends ConfigPart {
  /** The originals, absolute. */
  source: string;
  /** Below the output folder. */
  name: string;
}

/**
 * The names of parts in the output folder: the same as in the data root, and of one that lies outside of that (or is
 * it) the last part of its path, with its key before it where the data root has something of that name.
 *
 * @param root the data root of the originals
 */
export function placed(root: string, parts: readonly ConfigPart[]): PlacedPart[] {
  const sources = parts.map(({ part }) => resolve(root, part));
  const names = sources.map((source) => nameWithin(resolve(root), source));
  const free = (name: string): boolean =>
    !existsSync(join(root, name)) && !names.some((other) => other?.split(sep)[0] === name);
  return parts.map((part, i) => {
    const source = sources[i]!;
    names[i] ??= names[sources.indexOf(source)] ?? null;
    names[i] ??= candidates(part.key, basename(source)).find(free)!;
    return { ...part, source, name: names[i]! };
  });
}

/** Null if the path is the folder itself or lies outside of it. */
function nameWithin(folder: string, path: string): string | null {
  const name = relative(folder, path);
  return name === '' || name.split(sep)[0] === '..' || isAbsolute(name) ? null : name;
}

function candidates(key: string, name: string): string[] {
  const short = beginning(name);
  const more = Array.from({ length: 1000 }, (_, i) => `${key}-${i + 2}-${short}`);
  return [...(name === '' ? [] : [name]), `${key}-${short}`, ...more];
}

/**
 * Before anything is written.
 *
 * @throws ConfigError if a part would go elsewhere by way of a link, or among the originals
 */
export function checkPlaces(out: string, root: string, parts: readonly PlacedPart[]): void {
  const folder = realPath(out);
  if (folder === realPath(root)) {
    throw new ConfigError(`--out ${out}: is the folder of the original images`, 'name another');
  }
  for (const { name } of parts) {
    const target = join(folder, name);
    checkNoLink(join(out, name), realPath(join(out, name)), target);
    const originals = parts.find(({ source }) => overlap(target, realPath(source)));
    if (!originals) continue;
    throw new ConfigError(
      `--out: ${join(out, name)} lies among the originals of data.${originals.key} (${originals.source}), or they in it`,
      'name another folder',
    );
  }
}

/** @throws ConfigError if what is written there would land elsewhere */
function checkNoLink(path: string, found: string, wanted: string): void {
  if (found === wanted) return;
  throw new ConfigError(
    `--out: ${path} leads to ${found} by way of a link`,
    'remove the link, or name another folder',
  );
}

/** The path without links, as far as it is there. */
function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code !== 'ENOENT' && code !== 'ENOTDIR') || dirname(absolute) === absolute) throw error;
    return join(realPath(dirname(absolute)), basename(absolute));
  }
}

const overlap = (a: string, b: string): boolean =>
  a === b || nameWithin(a, b) !== null || nameWithin(b, a) !== null;

/** Makes the folders that are written to, each once. */
export class OutputFolders {
  readonly #made = new Set<string>();

  /** @param out the output folder, absolute */
  constructor(private readonly out: string) {}

  /**
   * @param file in the output folder, whose folder is needed
   * @throws ConfigError if that cannot be made, or is a link
   */
  makeFor(file: FilePath): void {
    const bytes = bytesOf(file);
    const folder = bytes.subarray(0, Math.max(0, bytes.lastIndexOf('/')));
    const key = folder.toString('latin1');
    if (this.#made.has(key)) return;
    this.make(pathOf(folder));
    this.#made.add(key);
  }

  make(folder: FilePath): void {
    writing(folder, () => mkdirSync(folder, { recursive: true }));
    // As one character for each byte, as names need not be UTF-8.
    const real = (path: FilePath): string =>
      realpathSync(path, { encoding: 'buffer' }).toString('latin1');
    const below = bytesOf(folder).toString('latin1', Buffer.byteLength(this.out));
    checkNoLink(shown(folder), real(folder), join(real(this.out), below));
  }
}

/** What the system says where something else has the place. */
const IN_THE_WAY = new Set(['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'ELOOP', 'ENAMETOOLONG']);

/** @throws ConfigError if the path cannot be written to for what it is; other errors, as of a full disk, as they are */
export function writing<T>(path: FilePath, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!isSystemError(error) || !IN_THE_WAY.has(error.code ?? '')) throw error;
    throw new ConfigError(
      `--out: ${shown(path)} cannot be written: ${messageOf(error)}`,
      'name a new or empty folder, or remove what is in the way',
    );
  }
}
