/**
 * File names that need not be UTF-8: to the system a name is bytes, and archives from elsewhere bring names in other
 * encodings. Such a file is opened by its bytes, and shown with `\xNN` for each byte beyond ASCII.
 */
import { isUtf8 } from 'node:buffer';
import { type Dirent, readdirSync } from 'node:fs';

/** What to open a file by: text, or bytes where they are not UTF-8. */
export type FilePath = string | Buffer;

/** What decoding puts in the place of bytes that are not UTF-8; a name may also hold it itself. */
const REPLACEMENT = '\ufffd';

/** A name of a file as people see it. */
export function shown(path: FilePath): string {
  if (typeof path === 'string') return path;
  return path.toString('latin1').replace(/[\x80-\xff]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16)}`;
  });
}

/** The path that these bytes are; the bytes are copied where they stay bytes. */
export function pathOf(bytes: Uint8Array): FilePath {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!text.includes(REPLACEMENT)) return text;
  const copy = Buffer.from(bytes);
  return isUtf8(copy) ? text : copy;
}

export const bytesOf = (path: FilePath): Buffer =>
  typeof path === 'string' ? Buffer.from(path) : path;

/** `folder/name`; no other slash is added or taken away. */
export function under(folder: FilePath, name: FilePath): FilePath {
  if (typeof folder === 'string' && typeof name === 'string') return `${folder}/${name}`;
  return Buffer.concat([bytesOf(folder), Buffer.from('/'), bytesOf(name)]);
}

/** What is in a folder. */
export interface Entry {
  /** As people see it. */
  readonly name: string;
  /** To open it by, below its folder. */
  readonly path: FilePath;
  isDirectory(): boolean;
  isFile(): boolean;
  isSymbolicLink(): boolean;
}

/** @throws what the system says if the folder cannot be read */
export function entriesOf(folder: FilePath): Entry[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  if (!entries.some(({ name }) => name.includes(REPLACEMENT))) return entries.map(entry);
  return readdirSync(folder, { withFileTypes: true, encoding: 'buffer' }).map(entry);
}

function entry(dirent: Dirent<string> | Dirent<Buffer>): Entry {
  const path = typeof dirent.name === 'string' ? dirent.name : pathOf(dirent.name);
  return {
    name: shown(path),
    path,
    isDirectory: () => dirent.isDirectory(),
    isFile: () => dirent.isFile(),
    isSymbolicLink: () => dirent.isSymbolicLink(),
  };
}
