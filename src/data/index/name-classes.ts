/** The classes of an index by the names that a file gives them. */
import type { LabelMeaning } from '../../config/label-meaning.js';
import { DataError } from '../../errors.js';
import type { ClassEntry } from './class-entry.js';
import type { ClassNames } from './class-names.js';
import type { ImageIndex } from './image-index.js';
import { isInteger } from './name-order.js';
import { relabelled } from './relabel.js';
import { oneForm } from './unicode-forms.js';

export interface NamingOptions {
  /** What the images are of, for messages: a folder or a list. */
  source: string;
  /** Whether the classes are folders, and so there are no others than these. */
  folders: boolean;
  /** What the labels are said to be. */
  labels?: LabelMeaning;
  /** The trained classes; without them the file and the images say which there are. */
  classes?: readonly string[];
}

/** What of a file the labels of the images are. */
type Kind = 'numbers' | 'keys' | 'names';

/**
 * All labels are numbers of classes in the file, or all are its folders and text labels, or all are the names
 * themselves. Where they are numbers in a list the classes are those of the file, by their numbers, also those without
 * images; else those of the images, in the order that these have.
 *
 * @param index with the classes that the images themselves have
 * @throws DataError naming the first label that the file does not have, or a class that was not trained
 */
export function nameClasses(
  index: ImageIndex,
  names: ClassNames,
  { source, folders, labels, classes }: NamingOptions,
): ImageIndex {
  const { kind, known } = reading(index.classes, names, { folders, labels });
  const unknown = index.classes.find((label) => !known.has(oneForm(label)));
  if (unknown !== undefined) throw unnamed(source, unknown, kind, names, folders);
  const named = index.classes.map((label) => known.get(oneForm(label))!.name);
  const twin = named.find((name, i) => named.indexOf(name) < i);
  if (twin !== undefined) {
    throw new DataError(
      `${source}: two of its classes are ${JSON.stringify(twin)} in ${names.file}`,
    );
  }
  const all = kind === 'numbers' && !folders ? names.entries.map(({ name }) => name) : named;
  const found = relabelled({ ...index, classes: named }, classes ?? all);
  if (typeof found !== 'string') return found;
  throw new DataError(
    `${source}: has the class ${JSON.stringify(found)}, which the model was not trained on; it knows ${classes?.length} classes`,
    'use the data set, and the class names, that the model was trained with',
  );
}

/** The kind that all labels are of, else the one that most are of. */
function reading(
  labels: readonly string[],
  { entries }: ClassNames,
  { folders, labels: declared }: Pick<NamingOptions, 'folders' | 'labels'>,
): { kind: Kind; known: ReadonlyMap<string, ClassEntry> } {
  const keyed = entries.filter(({ key }) => key !== undefined);
  const maps: Record<Kind, ReadonlyMap<string, ClassEntry>> = {
    numbers: new Map(entries.map((entry) => [`${entry.id}`, entry])),
    keys: new Map(keyed.map((entry) => [oneForm(entry.key!), entry])),
    names: new Map(entries.map((entry) => [oneForm(entry.name), entry])),
  };
  const numbersFirst = declared === 'positions' || (!folders && labels.every(isInteger));
  const kinds: readonly Kind[] = numbersFirst
    ? ['numbers', 'keys', 'names']
    : ['keys', 'names', 'numbers'];
  const allowed = kinds.filter(
    (kind) => !declared || (kind === 'numbers') === (declared === 'positions'),
  );
  const count = (kind: Kind): number =>
    labels.filter((label) => maps[kind].has(oneForm(label))).length;
  const [kind] = [...allowed].sort((a, b) => count(b) - count(a));
  return { kind: kind!, known: maps[kind!] };
}

function unnamed(
  source: string,
  label: string,
  kind: Kind,
  { file, entries }: ClassNames,
  folders: boolean,
): DataError {
  const what = { numbers: 'number', keys: 'folder or label', names: 'name' }[kind];
  const shown = entries.slice(0, 3).map((entry) => {
    return { numbers: `${entry.id}`, keys: entry.key ?? entry.name, names: entry.name }[kind];
  });
  const more = entries.length > 3 ? `, … ${lastOf(entries, kind)}` : '';
  return new DataError(
    `${source}: the ${folders ? 'class folder' : 'label'} ${JSON.stringify(label)} is no ${what} of the ${entries.length} classes in ${file}: ${shown.join(', ')}${more}`,
    'correct the file, name the one that belongs to these images, or leave out data.classNames',
  );
}

const lastOf = (entries: readonly ClassEntry[], kind: Kind): string => {
  const last = entries[entries.length - 1]!;
  return { numbers: `${last.id}`, keys: last.key ?? last.name, names: last.name }[kind];
};
