import { statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { type CheckedPart, type CheckReport, checkParts } from '../check/check.js';
import { goodList } from '../check/good-list.js';
import type { LabelMeaning } from '../config/label-meaning.js';
import { loadConfig } from '../config/load.js';
import { MAX_PIXELS } from '../data/images/decode.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { ConfigError, DataError } from '../errors.js';
import { indexCache } from '../experiment/data-cache.js';
import { openImages, type Reading, readingOf } from '../experiment/images.js';
import { writeOutput } from '../files.js';
import { findParts } from '../init/find-layout.js';
import { partReading } from '../init/part-reading.js';
import { version } from '../version.js';
import { CHECK_DEFAULTS } from './defaults.js';
import { type Hooks, indexingTo, listening } from './hooks.js';
import { checkOutput, withDefaults } from './options.js';

export interface DataCheckOptions {
  fixList?: string;
  /** Default: as the config says, else as in training without `data.maxPixels`. */
  maxPixels?: number;
  /** Shorter sides below this are small. */
  minSide?: number;
  /** Images named for each kind. */
  examples?: number;
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

/**
 * `relaybp data check`: reads every image of a data set, and says what is wrong with it.
 *
 * @param target the folder of the data set, or a config, whose data are checked as it says
 */
export async function dataCheckCommand(
  target: string,
  options: DataCheckOptions = {},
  hooks: Hooks = {},
): Promise<DataCheckResult> {
  const { notice, progress } = listening(hooks);
  const began = performance.now();
  const { root, parts: found, ...limits } = checkedData(target, options.labels);
  const files = found.map(({ short }) => listName(options.fixList, short, found.length));
  for (const file of files) checkOutput('--fix-list', file);
  const cache = indexCache({
    rebuild: options.rebuildIndex,
    trustFiles: true,
    onNotice: notice,
    onProgress: indexingTo(progress),
  });
  const parts: CheckedPart[] = [];
  for (const { name, reading } of found) {
    const open = (classes: readonly string[] | undefined): Promise<ImageIndex> =>
      openImages(root, name, classes, notice, cache, reading);
    const index = await openPart(open, parts[0]?.index.classes, notice);
    if (index.members && options.fixList !== undefined) throw noList(name);
    parts.push({ name, index });
  }
  const given = withDefaults(options, CHECK_DEFAULTS);
  const { minSide, examples, maxPixels = limits.maxPixels } = given;
  const { report, findings } = await checkParts(root, parts, {
    maxPixels,
    minSide,
    examples,
    onProgress: (done, total) => progress({ what: `checking ${target}`, done, total }),
  });
  const lists: WrittenList[] = [];
  for (const [p, { name, index }] of parts.entries()) {
    const file = files[p];
    if (file === undefined) continue;
    const prefix = prefixOf(found[p]!.reading.base ?? root, index.root);
    // A copy in another part leaves the first part only, so that what is measured stays as it is.
    const { pieces, images, unfit } = goodList(index, prefix, findings[p]!, p > 0);
    writeOutput(file, pieces);
    const value = isAbsolute(root) ? resolve(file) : relative(root, file);
    lists.push({ file, part: name, images, unfit, value });
  }
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
  return { formatVersion: 1, relaybp: version, seconds, ...report, lists };
}

const noList = (part: string): ConfigError =>
  new ConfigError(
    `--fix-list: the images of ${part} lie in tar or Parquet files, and a list names files`,
    'leave it out; training skips images that cannot be decoded (data.onError)',
  );

/** With the classes of the first part, as training opens it; a part with classes of its own is opened all the same. */
async function openPart(
  open: (classes: readonly string[] | undefined) => Promise<ImageIndex>,
  classes: readonly string[] | undefined,
  notice: (line: string) => void,
): Promise<ImageIndex> {
  try {
    return await open(classes);
  } catch (error) {
    if (classes === undefined || !(error instanceof DataError)) throw error;
    const index = await open(undefined);
    notice(error.message);
    return index;
  }
}

/** `good.txt` is `good.train.txt` for the part `train` where there are several. */
function listName(file: string | undefined, part: string, parts: number): string | undefined {
  if (file === undefined || parts === 1) return file;
  return `${file.replace(/\.txt$/, '')}.${part.replace(/\.txt$/, '')}.txt`;
}

/** A part of a data set, below its root, and how its files are to be read. */
interface PartToRead {
  name: string;
  /** For the names of files about it. */
  short: string;
  reading: Reading;
}

/** What is there to be checked. @param labels what the labels of lists are, whatever the config says */
function checkedData(
  target: string,
  labels: LabelMeaning | undefined,
): { root: string; parts: PartToRead[]; maxPixels: number } {
  const declared = labels === undefined ? {} : { labels };
  if (!isConfig(target)) {
    if (statSync(target, { throwIfNoEntry: false })?.isFile()) throw noFolder(target);
    const { parts, ...layout } = findParts(target);
    const all = parts.map((name, i) => {
      const key = i === 0 ? 'train' : 'val';
      const reading = { ...partReading(layout, key), ...declared };
      return { name, short: layout.kind === undefined ? name : key, reading };
    });
    return { root: layout.root, parts: all, maxPixels: MAX_PIXELS };
  }
  const { data } = loadConfig(target).config;
  const keys = data.train === data.val ? (['train'] as const) : (['train', 'val'] as const);
  const parts = keys.map((key) => {
    return { name: data[key], short: key, reading: { ...readingOf(data, key), ...declared } };
  });
  return { root: data.root, parts, maxPixels: data.maxPixels };
}

const noFolder = (file: string): DataError =>
  new DataError(
    `${file}: is no folder of images, nor a config (.yaml)`,
    'a list, or a shard, is checked as a part of the config that names it: relaybp data check CONFIG.yaml',
  );

const isConfig = (target: string): boolean =>
  /\.ya?ml$/i.test(target) && statSync(target, { throwIfNoEntry: false })?.isFile() === true;

/** What leads from the folder that a list's paths are relative to, to the images: '' or with a slash at its end. */
function prefixOf(base: string, images: string): string {
  const path = relative(base, images);
  return path === '' ? '' : `${path}/`;
}
