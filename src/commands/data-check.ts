import { statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { type CheckReport, checkParts, type Part } from '../check/check.js';
import { goodList } from '../check/good-list.js';
import type { LabelMeaning } from '../config/label-meaning.js';
import { MAX_PIXELS } from '../data/images/decode.js';
import type { ImageIndex } from '../data/index/image-index.js';
import type { IndexingProgress } from '../data/index/index-cache.js';
import { DataError } from '../errors.js';
import { indexCache } from '../experiment/data-cache.js';
import { openImages } from '../experiment/images.js';
import { writeOutput } from '../files.js';
import { findParts } from '../init/layout.js';
import { version } from '../version.js';
import { checkOutput } from './options.js';

export interface DataCheckOptions {
  fixList?: string;
  /** Default: as in training without `data.maxPixels`. */
  maxPixels?: number;
  minSide: number;
  /** Images named for each kind. */
  examples: number;
  /** What the labels of list files are. */
  labels?: LabelMeaning;
  rebuildIndex?: boolean;
}

/** A list of good images that was written, and how a config takes it. */
export interface WrittenList {
  file: string;
  /** The part that it stands for. */
  part: string;
  images: number;
  /** Good images that are not in it, as their names do not fit. */
  unfit: number;
  /** Value of `data.train` or `data.val`, with `data.root` the report's root. */
  value: string;
}

/** Format version 1, documented in docs/data.md. */
export interface DataCheckResult extends CheckReport {
  formatVersion: 1;
  relaybp: string;
  seconds: number;
  lists: WrittenList[];
}

export interface DataCheckEvents {
  onNotice: (line: string) => void;
  onIndexing: (progress: IndexingProgress) => void;
  onImages: (done: number, total: number) => void;
}

/** `relaybp data check`: reads every image of a data set, and says what is wrong with it. */
export async function dataCheckCommand(
  folder: string,
  options: DataCheckOptions,
  events: DataCheckEvents,
): Promise<DataCheckResult> {
  const began = performance.now();
  const { root, parts: names } = findParts(folder);
  const files = names.map((name) => listName(options.fixList, name, names.length));
  for (const file of files) checkOutput('--fix-list', file);
  const cache = indexCache({
    rebuild: options.rebuildIndex,
    trustFiles: true,
    onNotice: events.onNotice,
    onProgress: events.onIndexing,
  });
  const parts: Part[] = [];
  for (const name of names) {
    const open = (classes: readonly string[] | undefined): Promise<ImageIndex> =>
      openImages(root, name, classes, events.onNotice, cache, options.labels);
    const index = await openPart(open, parts[0]?.index.classes, events.onNotice);
    parts.push({ name, index });
  }
  const { maxPixels = MAX_PIXELS, minSide, examples } = options;
  const { report, findings } = await checkParts(root, parts, {
    maxPixels,
    minSide,
    examples,
    onProgress: events.onImages,
  });
  const lists: WrittenList[] = [];
  for (const [p, { name, index }] of parts.entries()) {
    const file = files[p];
    if (file === undefined) continue;
    const prefix = name === '.' || isList(root, name) ? '' : `${name}/`;
    // A copy in another part leaves the first part only, so that what is measured stays as it is.
    const { pieces, images, unfit } = goodList(index, prefix, findings[p]!, p > 0);
    writeOutput(file, pieces);
    const value = isAbsolute(root) ? resolve(file) : relative(root, file);
    lists.push({ file, part: name, images, unfit, value });
  }
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
  return { formatVersion: 1, relaybp: version, seconds, ...report, lists };
}

/** With the classes of the first part, as training opens it; a part with classes of its own is opened all the same. */
async function openPart(
  open: (classes: readonly string[] | undefined) => Promise<ImageIndex>,
  classes: readonly string[] | undefined,
  onNotice: (line: string) => void,
): Promise<ImageIndex> {
  try {
    return await open(classes);
  } catch (error) {
    if (classes === undefined || !(error instanceof DataError)) throw error;
    const index = await open(undefined);
    onNotice(error.message);
    return index;
  }
}

/** `good.txt` is `good.train.txt` for the part `train` where there are several. */
function listName(file: string | undefined, part: string, parts: number): string | undefined {
  if (file === undefined || parts === 1) return file;
  return `${file.replace(/\.txt$/, '')}.${part.replace(/\.txt$/, '')}.txt`;
}

const isList = (root: string, part: string): boolean =>
  statSync(join(root, part), { throwIfNoEntry: false })?.isFile() === true;
