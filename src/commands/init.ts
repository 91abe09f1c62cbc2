import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../config/load.js';
import { joinPath } from '../data/image-index.js';
import { ConfigError } from '../errors.js';
import { type Choices, choose } from '../init/choices.js';
import { configText } from '../init/config-text.js';
import { findLayout } from '../init/layout.js';
import { split } from '../init/split.js';
import { type Survey, survey } from '../init/survey.js';
import { planExperiment } from '../plan/experiment.js';
import { messageOf } from '../system-error.js';
import { openImages } from '../train/data.js';
import { checkOutput } from './options.js';

export interface InitResult {
  config: string;
  /** List files written beside it, where one folder had to be split. */
  lists: string[];
  survey: Survey;
  valImages: number;
  choices: Choices;
}

/**
 * `relaybp init`: a config for a folder of images. Of a folder without a validation part a fifth of each class is
 * drawn, as two list files beside the config; the images are not touched.
 *
 * @param out the config to write; `<folder>.yaml` unless given
 * @throws ConfigError if a file is there already, DataError if the folder is not a data set; nothing is written then
 */
export async function initCommand(
  folder: string,
  out: string | undefined,
  onNotice: (line: string) => void,
): Promise<InitResult> {
  const layout = findLayout(folder);
  if (layout.root.includes('${')) {
    throw new ConfigError(
      `${layout.root}: "\${" in a path means an environment variable in a config`,
      'rename the folder',
    );
  }
  const name = experimentName(basename(out ?? resolve(layout.root)).replace(/\.ya?ml$/, ''));
  const config = out ?? `${name}.yaml`;
  const stem = config.replace(/\.ya?ml$/, '');
  const lists = layout.val === null ? [`${stem}.train.txt`, `${stem}.val.txt`] : [];
  for (const file of [config, ...lists]) refuse(file);
  const train = await openImages(layout.root, layout.train, undefined, onNotice);
  const parts = layout.val === null ? split(train) : null;
  if (parts) {
    const [single] = parts.tooSmall;
    if (single !== undefined) {
      onNotice(
        `${parts.tooSmall.length} classes have a single image, which is for training: ${single}, …`,
      );
    }
    writeNew(lists[0]!, parts.train);
    writeNew(lists[1]!, parts.val);
  }
  try {
    const fromRoot = (file: string): string =>
      isAbsolute(layout.root) ? resolve(file) : relative(layout.root, file);
    const complete = {
      ...layout,
      ...(parts && { train: fromRoot(lists[0]!) }),
      val: parts ? fromRoot(lists[1]!) : layout.val!,
    };
    const images = parts
      ? await openImages(complete.root, complete.train, undefined, onNotice)
      : train;
    const val = await openImages(complete.root, complete.val, images.classes, onNotice);
    const found = await survey(images);
    if (found.unreadable.first !== null) {
      const looked = found.unreadable.count + found.shorterSides.length;
      onNotice(
        `${found.unreadable.count} of ${looked} images looked at cannot be read; training skips such files: ${found.unreadable.first}`,
      );
    }
    const choices = choose(found);
    const text = configText({
      file: config,
      name,
      classes: images.classes.length,
      layout: complete,
      wasSplit: parts !== null,
      survey: found,
      choices,
      schema: schemaFor(config),
    });
    planExperiment(parseConfig(text, config));
    writeNew(config, text);
    return { config, lists, survey: found, valImages: val.count, choices };
  } catch (error) {
    for (const list of lists) rmSync(list, { force: true });
    throw error;
  }
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

const SCHEMA = fileURLToPath(new URL('../../schema/relaybp.schema.json', import.meta.url));

/** Where editors find the schema: relative within this folder (a checkout, node_modules), absolute elsewhere. */
function schemaFor(config: string): string {
  const near = !relative(process.cwd(), SCHEMA).startsWith('..');
  return near
    ? joinPath(relative(dirname(resolve(config)), dirname(SCHEMA)), basename(SCHEMA))
    : SCHEMA;
}
