/** Index of images without labels, named one by one or by the folders that they are in. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataError } from '../../errors.js';
import { cannotRead } from './cannot-read.js';
import { bytesOf, type Entry, entriesOf, type FilePath, shown, under } from './file-names.js';
import { beginsAsImage, hasImageName, IMAGE_EXTENSIONS, mayBeImage } from './image-files.js';
import { type ImageIndex, IndexBuilder, joinFile } from './image-index.js';
import {
  isSystemFolder,
  type LeftOut,
  leaveOutFile,
  leaveOutFolder,
  leftOutText,
  nothingLeftOut,
} from './left-out.js';
import { inNameOrder, pathAsThere } from './unicode-forms.js';

export interface PathIndex {
  /** Every label is 0 and means nothing. */
  index: ImageIndex;
  /** The paths as given, in the index's order; a folder's images below the folder as it is there. */
  names: string[];
  /** What lies in the folders and is no image. */
  leftOut: LeftOut;
}

/**
 * Takes files as they are, also ones that do not exist (they count as undecodable), and of folders every image
 * (as `indexFolder` tells them) at any depth in code-point order.
 *
 * @throws DataError if there is no image at all, or all that is named are shards or lists
 */
export function indexPaths(paths: readonly FilePath[]): PathIndex {
  const leftOut = nothingLeftOut();
  const files = paths.flatMap((path) => {
    const there = typeof path === 'string' ? pathAsThere(path) : path;
    if (!isFolder(there)) return [{ name: path, file: there }];
    return imagesIn(there, leftOut).map((file) => ({ name: file, file }));
  });
  const names = files.map(({ name }) => shown(name));
  if (names.length === 0) {
    const others = leftOutText(leftOut);
    throw new DataError(
      paths.length === 0
        ? 'no images are named'
        : `no images in ${paths.map(shown).join(', ')} (${IMAGE_EXTENSIONS})${others ? `, but ${others}` : ''}`,
      'name image files or folders with images',
    );
  }
  checkKinds(names);
  const builder = new IndexBuilder();
  for (const { file } of files) builder.add(absolute(file), 0, 0);
  return { index: builder.build('', ['']), names, leftOut };
}

/** What is no image, by its name, and what to do with it. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [
    /\.(tar|tar\.\w+|tgz|parquet)$/i,
    'images in shards are tested with their labels by relaybp eval RUN --data SHARD; without labels unpack them',
  ],
  [
    /\.(txt|csv|tsv|json)$/i,
    'a list with labels is tested by relaybp eval RUN --data LIST; paths alone, one a line, are read from stdin: relaybp predict RUN - < LIST',
  ],
];

/** @throws DataError if all are of one such kind; one among images shows when it is decoded */
function checkKinds(names: readonly string[]): void {
  const kind = OTHERS.find(([form]) => names.every((name) => form.test(name)));
  if (!kind) return;
  throw new DataError(`${names[0]}: is no image, nor a folder of images`, kind[1]);
}

function imagesIn(folder: FilePath, leftOut: LeftOut): FilePath[] {
  const entries = listed(folder).filter((entry) => !entry.name.startsWith('.'));
  return inNameOrder(entries).flatMap((entry) => {
    const path = below(folder, entry.path);
    if (entry.isDirectory()) {
      if (!isSystemFolder(entry.name)) return imagesIn(path, leftOut);
      leaveOutFolder(leftOut, entry.name, path);
      return [];
    }
    const { name } = entry;
    if (hasImageName(name) || (mayBeImage(name) && beginsAsImage(path))) return [path];
    if (entry.isFile()) leaveOutFile(leftOut, entry.name);
    return [];
  });
}

function listed(folder: FilePath): Entry[] {
  try {
    return entriesOf(folder);
  } catch (error) {
    throw cannotRead(shown(folder), error);
  }
}

const below = (folder: FilePath, name: FilePath): FilePath =>
  typeof folder === 'string' ? joinFile(folder, name) : under(folder, name);

const absolute = (file: FilePath): Buffer =>
  typeof file === 'string'
    ? Buffer.from(resolve(file))
    : file[0] === 0x2f
      ? file
      : bytesOf(under(process.cwd(), file));

const isFolder = (path: FilePath): boolean => {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // whatever it is, it shows when it is decoded
  }
};
