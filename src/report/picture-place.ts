/** Where the pictures of a page may come from: what names them may have been made by somebody else. */
import { realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, relative, resolve } from 'node:path';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { isPrepared, readFacts } from '../data/index/prepared-facts.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import { shardPlaces } from './shard-places.js';
import type { Picture } from './validation-images.js';

/**
 * Takes pictures out that are no regular files in the folder of the run's data, links followed, nor in a tar or Parquet
 * file that is one: the page has the images without them. So a run folder shows nothing that lies elsewhere, whatever files it names.
 *
 * Its own config says which folder that is, so of one that holds the user's home folder, the root of the file system
 * say, nothing is shown either until the user names it. Links in a folder that he names are his: they may lead out.
 *
 * @param named where the data are, as the user says
 * @returns what is kept, the files with their real names; and in words what is not
 */
export function picturesInPlace(
  pictures: readonly Picture[],
  data: ExperimentConfig['data'],
  named: string | undefined,
): { pictures: Picture[]; leftOut: string[] } {
  const root = resolve(named ?? data.root);
  const all = foldersOf(root, data);
  const wide = named === undefined ? all.filter(holdsHome) : [];
  const folders = withoutInner(all.filter((folder) => !wide.includes(folder)));
  const isInside = (path: string, file: string): boolean =>
    folders.some((folder) => isBelow(file, folder)) || (named !== undefined && isBelow(path, root));
  const kept: Picture[] = [];
  let [out, first] = [0, ''];
  const shardPlace = shardPlaces(root, data);
  for (const picture of pictures) {
    const whole = resolve(picture.file);
    const shard = shardPlace(whole);
    const path = shard ? resolve(root, shard.path) : pathAsThere(whole);
    const file = realOf(path);
    if (file === null)
      kept.push(picture); // not there any more, which shows when it is read
    else if (isInside(path, file) && statSync(file).isFile()) {
      kept.push({ ...picture, file, ...(shard && { shard }) });
    } else if (out++ === 0) first = picture.file;
  }
  if (out === 0) return { pictures: kept, leftOut: [] };
  const [tooWide] = wide;
  const why =
    tooWide === undefined
      ? `they are no files in ${folders.join(' or ') || root}, links followed (first: ${first}); if the data lie elsewhere, or links in them are yours, name their folder: --data-root FOLDER`
      : `the run's config gives ${tooWide} as the folder of its data, in which your home folder lies as well; if that is right, --data-root ${tooWide} shows them`;
  return {
    pictures: kept,
    leftOut: [`${out} of ${pictures.length} pictures are not shown, as ${why}`],
  };
}

/** The root of the data, what the config names outside of it, and what a prepared part was made from; real paths. */
function foldersOf(root: string, data: ExperimentConfig['data']): string[] {
  const { train, val, roots = {} } = data;
  const named = [train, val, roots.train, roots.val].filter((part) => part !== undefined);
  const parts = named.map((part) => resolve(root, part));
  return [root, ...parts, ...parts.flatMap(sourceOf)].flatMap((path) => {
    const real = realOf(path);
    return real === null || !statSync(real).isDirectory() ? [] : [real];
  });
}

const withoutInner = (folders: readonly string[]): string[] =>
  folders.filter(
    (folder, i) =>
      folders.indexOf(folder) === i && !folders.some((other) => isBelow(folder, other)),
  );

function sourceOf(part: string): string[] {
  try {
    return isPrepared(part) ? [readFacts(part).source] : [];
  } catch {
    return []; // whoever reads its images is told
  }
}

const holdsHome = (folder: string): boolean => {
  const home = realOf(homedir());
  return home !== null && (home === folder || isBelow(home, folder));
};

function isBelow(path: string, folder: string): boolean {
  const below = relative(folder, path);
  return below !== '' && below !== '..' && !below.startsWith('../') && !isAbsolute(below);
}

/** Null where there is nothing. */
function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
