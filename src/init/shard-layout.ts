/** Parts of a data set that is handed out as tar shards or Parquet files. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareCodePoints } from '../data/index/name-order.js';
import { braces, isShards, shardFiles } from '../data/index/shard-files.js';
import { DataError } from '../errors.js';
import { foldersIn } from './folders-in.js';
import type { Layout } from './layout.js';

/** A name that ends so; compressed ones, too, which are refused by name. */
const SHARD = /\.(tar|parquet|tgz|tar\.(gz|bz2|xz|zst))$/i;
const PLAIN = /\.(tar|parquet)$/i;
/** The words of a name that say which part a shard is of; of several for validation the first one is taken. */
const TRAIN = /^train(ing)?$/;
const VALIDATION = [/^(val|valid|validation)$/, /^(test|testing)$/];

/** Files that name the classes, as people call them. */
const CLASS_NAMES = /^(class(es)?|class[-_]?names|labels|categories|synset_words)\.(txt|json)$/i;

/**
 * In the folder itself, in `data` as the Hub has it, or a folder of shards for each part.
 *
 * @returns null if these hold no shards
 * @throws DataError if there are shards, but none that are called after training and validation
 */
export function shardLayout(root: string): Layout | null {
  const folder = ['.', 'data'].find((name) => shardsIn(join(root, name)).length > 0);
  const prefix = folder === undefined || folder === '.' ? '' : `${folder}/`;
  const names = shardsIn(join(root, prefix));
  const parts = folder === undefined ? folderParts(root) : fileParts(names);
  if (!parts) return null;
  const { train, val } = parts;
  if (train === null || val === null) {
    // Shards beside folders: an archive of what has been unpacked, unless they are called after parts.
    if (folder === '.' && foldersIn(root).length > 0) return null;
    throw withoutParts(join(root, prefix), names, parts);
  }
  const compressed = names.find((name) => !PLAIN.test(name));
  if (compressed !== undefined) shardFiles(root, prefix + compressed); // refuses it
  const classNames = readdirSync(root).filter((name) => CLASS_NAMES.test(name));
  return {
    root,
    train: prefix + train,
    val: prefix + val,
    kind: 'shards',
    ...(classNames.length === 1 && { classNames: classNames[0] }),
  };
}

interface Parts {
  train: string | null;
  val: string | null;
}

/** Folders that hold shards alone, called after parts. */
function folderParts(root: string): Parts | null {
  const folders = foldersIn(root).filter((name) => isShards(root, name));
  if (folders.length === 0) return null;
  return partsBy(folders, (names) => (names.length === 1 ? names[0]! : null));
}

const fileParts = (names: readonly string[]): Parts =>
  partsBy(names, (part) => patternOf(part, names));

/** @param named what a config calls these files or folders */
function partsBy(
  names: readonly string[],
  named: (part: readonly string[]) => string | null,
): Parts {
  const of = (word: RegExp): string[] =>
    names.filter((name) => wordsOf(name).some((one) => word.test(one)));
  const first = (words: readonly RegExp[]): string | null => {
    const found = words.map(of).find((part) => part.length > 0);
    return found ? named(found) : null;
  };
  return { train: first([TRAIN]), val: first(VALIDATION) };
}

const wordsOf = (name: string): string[] => name.toLowerCase().match(/[a-z]+/g) ?? [];

/** `train-*.parquet`, or the one file; `{a,b}.tar` where no pattern is of these files alone. @param all files of the folder */
function patternOf(part: readonly string[], all: readonly string[]): string {
  const [first] = part as [string, ...string[]];
  if (part.length === 1) return first;
  const end = /\.[^.]+$/.exec(first)![0];
  let length = 0;
  while (part.every((name) => name[length] === first[length] && length < name.length)) length++;
  const start = first.slice(0, length).replace(/\d+$/, '');
  const fits = all.filter((name) => name.startsWith(start) && name.endsWith(end));
  if (start !== '' && fits.length === part.length && !/[*{}]/.test(start)) return `${start}*${end}`;
  return `{${part.map((name) => name.slice(0, -end.length)).join(',')}}${end}`;
}

function shardsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => SHARD.test(name) && !name.startsWith('.') && braces(name).length === 1)
      .sort(compareCodePoints);
  } catch {
    return [];
  }
}

function withoutParts(folder: string, names: readonly string[], { train, val }: Parts): DataError {
  const [first] = names;
  const which =
    train === null && val === null
      ? 'whose names say nothing of training and validation'
      : train === null
        ? 'but none that is called after training'
        : 'but none that is called after validation, and single images of a shard cannot be set aside for it';
  return new DataError(
    `${folder}: holds tar or Parquet files${first === undefined ? '' : ` (first: ${first})`}, ${which}`,
    `say in a config which are which: data.root: ${folder}, data.train: "NAME-{000..099}.tar", data.val: "NAME-{100..109}.tar" (docs/datasets.md, "WebDataset: tar shards" and "Parquet files of Hugging Face")`,
  );
}
