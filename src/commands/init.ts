import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';
import { renderings } from '../check/renderings.js';
import type { ClassFolders } from '../config/class-folders.js';
import { parseConfig } from '../config/load.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { ConfigError, DataError } from '../errors.js';
import { planExperiment } from '../experiment/experiment-plan.js';
import { openImages } from '../experiment/images.js';
import { writeOutput } from '../files.js';
import { type Choices, choose } from '../init/choices.js';
import { nestingNotice, nestingOf } from '../init/choose-class-folders.js';
import { configText } from '../init/config-text.js';
import { findLayout } from '../init/find-layout.js';
import type { Layout } from '../init/layout.js';
import { partReading } from '../init/part-reading.js';
import { schemaPlace } from '../init/schema-place.js';
import { split } from '../init/split.js';
import { type Survey, survey } from '../init/survey.js';
import { checkLabelled, whyNotForValidation } from '../init/unlabelled.js';
import { messageOf } from '../system-error.js';
import { type Hooks, listening } from './hooks.js';
import { checkOutput } from './options.js';

/** Classes that a line names. */
const MOST_NAMED = 5;

export interface InitOptions {
  /** The config to write; default: `<folder>.yaml`. */
  out?: string;
  /** Which folders are the classes; guessed unless given. */
  classFolders?: ClassFolders;
}

export interface InitResult {
  config: string;
  /** Written beside it: lists, where one folder had to be split, and the schema. */
  others: string[];
  survey: Survey;
  valImages: number;
  choices: Choices;
}

/**
 * `relaybp init`: a config for a folder of images. Of a folder without a validation part that has classes a fifth of
 * each class is drawn, as two list files beside the config; the images are not touched.
 *
 * @throws ConfigError if a file is there already, DataError if the folder is not a data set; nothing is written then
 */
export async function initCommand(
  folder: string,
  { out, classFolders: wanted }: InitOptions = {},
  hooks: Hooks = {},
): Promise<InitResult> {
  const { notice, progress } = listening(hooks);
  const layout = findLayout(folder);
  const said = layoutNotice(layout);
  if (said !== null) notice(said);
  checkLabelled(layout);
  if (layout.root.includes('${')) {
    throw new ConfigError(
      `${layout.root}: "\${" in a path means an environment variable in a config`,
      'rename the folder',
    );
  }
  const name = experimentName(basename(out ?? resolve(layout.root)).replace(/\.ya?ml$/, ''));
  const config = out ?? `${name}.yaml`;
  const stem = config.replace(/\.ya?ml$/, '');
  refuse(config);
  const { train, classFolders } = await trainingFolders(layout, wanted, notice);
  const reason = splitReason(layout, train.classes);
  if (typeof reason === 'string') {
    notice(
      `${reason}: a fifth of each class of ${join(layout.root, layout.train)} is set aside for validation`,
    );
  }
  const lists = reason === null ? [] : [`${stem}.train.txt`, `${stem}.val.txt`];
  for (const file of lists) refuse(file);
  const tell = (done: number): void =>
    progress({ what: 'looking for renderings of one picture', done, total: train.count });
  const groups = reason === null ? null : await renderings(train, tell);
  const parts = groups && split(train, relative(resolve(layout.root), train.root), groups);
  if (parts) {
    if (parts.kept > 0) {
      notice(
        `${parts.kept} images are copies or renderings of others: those of one picture are kept together; relaybp data check names them`,
      );
    }
    const { length } = parts.tooSmall;
    if (length > 0) {
      const classes = length === 1 ? '1 class has' : `${length} classes have`;
      const more = length > MOST_NAMED ? ', …' : '';
      const names = parts.tooSmall.slice(0, MOST_NAMED).join(', ');
      notice(`${classes} a single picture, which is for training: ${names}${more}`);
    }
  }
  const written: string[] = [];
  const write = (file: string, text: string): void => {
    writeNew(file, text);
    written.push(file);
  };
  try {
    if (parts) {
      write(lists[0]!, parts.train);
      write(lists[1]!, parts.val);
    }
    const fromRoot = (file: string): string =>
      isAbsolute(layout.root) ? resolve(file) : relative(layout.root, file);
    const { root } = layout;
    const complete = parts
      ? { root, train: fromRoot(lists[0]!), val: fromRoot(lists[1]!) }
      : { ...layout, classFolders, val: layout.val! };
    const images = parts ? await openImages(root, complete.train, undefined, notice) : train;
    const reading = partReading({ ...complete, classFolders: classFolders ?? 'top' }, 'val');
    const val = await opened(complete, () =>
      openImages(root, complete.val, images.classes, notice, undefined, reading),
    );
    const found = await survey(images);
    if (found.unreadable.first !== null) {
      const looked = found.unreadable.count + found.shorterSides.length;
      notice(
        `${found.unreadable.count} of ${looked} images looked at cannot be read; training skips such files: ${found.unreadable.first}`,
      );
    }
    const choices = choose(found);
    const schema = schemaPlace(config);
    const text = configText({
      file: config,
      name,
      classes: images.classes.length,
      layout: complete,
      wasSplit: parts !== null,
      survey: found,
      choices,
      schema: schema.name,
    });
    planExperiment(parseConfig(text, config));
    if (schema.taken) {
      notice(`${schema.taken} is not relaybp's: the config names no schema for editors`);
    }
    write(config, text);
    if (schema.copy) writeOutput(schema.copy.file, schema.copy.text);
    const others = [...lists, ...(schema.copy ? [schema.copy.file] : [])];
    return { config, others, survey: found, valImages: val.count, choices };
  } catch (error) {
    for (const file of written) rmSync(file, { force: true });
    throw error;
  }
}

/** What is told of the parts, where they are not class folders alone. */
function layoutNotice({ root, train, val, kind, roots, classNames }: Layout): string | null {
  if (kind === undefined && roots === undefined) return null;
  const where = (part: 'train' | 'val'): string =>
    roots?.[part] === undefined ? '' : `, its images below ${roots[part]}`;
  const validation = val === null ? '' : `; validation: ${val}${where('val')}`;
  const names = classNames === undefined ? '' : `; class names: ${classNames}`;
  return `${root}: training: ${train}${where('train')}${validation}${names}`;
}

/** @throws DataError that also says what to write by hand, where a part is one that `init` has found in its own way */
async function opened<T>({ kind, roots }: Omit<Layout, 'val'>, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof DataError) || (kind === undefined && roots === undefined)) throw error;
    throw new DataError(
      error.message,
      `${error.hint === undefined ? '' : `${error.hint}; `}if init has taken the wrong files, write by hand: data.train, data.val, data.roots, data.classNames, data.columns (docs/datasets.md)`,
    );
  }
}

/** The training images, and which of their folders are the classes where that is not plain. */
async function trainingFolders(
  layout: Layout,
  wanted: ClassFolders | undefined,
  notice: (line: string) => void,
): Promise<{ train: ImageIndex; classFolders?: ClassFolders }> {
  const { root, train: part, kind } = layout;
  const open = (classFolders: ClassFolders): Promise<ImageIndex> => {
    const reading = partReading({ ...layout, classFolders }, 'train');
    return opened(layout, () => openImages(root, part, undefined, notice, undefined, reading));
  };
  const train = await open(wanted ?? 'top');
  if (wanted !== undefined) return { train, ...(wanted === 'leaves' && { classFolders: wanted }) };
  const isFolder = kind !== 'shards' && statSync(resolve(root, part)).isDirectory();
  const nesting = isFolder ? nestingOf(train) : null;
  if (!nesting) return { train };
  notice(nestingNotice(join(root, part), nesting));
  const { classFolders } = nesting;
  return { train: classFolders === 'top' ? train : await open(classFolders), classFolders };
}

/** Why the training images have to be split: in words where that may surprise, true without; null: they need not. */
function splitReason(layout: Layout, classes: readonly string[]): string | true | null {
  const folder = layout.val ?? layout.withoutClasses;
  if (folder === undefined) return true;
  if (layout.kind !== undefined) return null;
  return whyNotForValidation(join(layout.root, folder), classes);
}

function refuse(file: string): void {
  checkOutput('--out', file);
  if (!existsSync(file)) return;
  throw new ConfigError(
    `${file}: is there already, and is not overwritten`,
    'name another with --out, or remove it',
  );
}

/** @throws ConfigError if the file has come into being meanwhile */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    throw new ConfigError(`${file}: cannot be written: ${messageOf(error)}`);
  }
}

/** A folder's name as the name of an experiment. */
function experimentName(folder: string): string {
  const name = folder.replace(/[^\w-]+/g, '-').replace(/^[^A-Za-z]+|-+$/g, '');
  return name === '' ? 'experiment' : name;
}
