/** What the labels of a list file mean: all of them are names of classes, or all are positions in the class list. */
import type { LabelMeaning } from '../../config/label-meaning.js';
import { DataError } from '../../errors.js';
import { inLabelOrder, isInteger } from './name-order.js';
import { oneForm } from './unicode-forms.js';

/** A label of a list, and the line where it is first. */
export interface FoundLabel {
  readonly text: string;
  readonly line: number;
}

export interface LabelReading {
  classes: readonly string[];
  /** `[labels]`: the class of each label that was found, a position in `classes`. */
  labels: number[];
  meaning: LabelMeaning;
}

/**
 * @param found the distinct labels
 * @param classes the class list; without it the labels make one: their names in order (`inLabelOrder`), and of positions
 *   the numbers from 0 to the largest
 * @param declared what they are. Else they are names if each is one of the classes, and positions if each is one and no
 *   class has a number for its name
 * @throws DataError naming the line if they are neither
 */
export function readLabels(
  file: string,
  found: readonly FoundLabel[],
  classes: readonly string[] | undefined,
  declared?: LabelMeaning,
): LabelReading {
  const list = classes ?? (declared === 'positions' ? numbered(1 + largest(found)) : null);
  if (!list) return ownNames(file, found);
  const positions = new Map(list.map((name, position) => [oneForm(name), position]));
  const byName = found.map(({ text }) => positions.get(text) ?? -1);
  const byNumber = found.map(({ text }) => positionOf(text, list.length));
  const all = (labels: readonly number[]): boolean => labels.every((label) => label >= 0);
  const canBePositions = declared === 'positions' || !list.some(isInteger);
  if (declared !== 'positions' && all(byName)) {
    return { classes: list, labels: byName, meaning: 'names' };
  }
  if (declared !== 'names' && canBePositions && all(byNumber)) {
    return { classes: list, labels: byNumber, meaning: 'positions' };
  }
  throw refusal({ file, found, list, byName, byNumber, declared });
}

/** The names of classes that have only numbers: "0", "1" and so on. */
export const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${i}`);

function ownNames(file: string, found: readonly FoundLabel[]): LabelReading {
  const classes = inLabelOrder(found.map(({ text }) => text));
  if (classes.every(isInteger)) refuseTwins(file, found);
  const positions = new Map(classes.map((name, position) => [name, position]));
  const labels = found.map(({ text }) => positions.get(text)!);
  return { classes, labels, meaning: 'names' };
}

/** "1" and "01" are one number, so most likely one class. */
function refuseTwins(file: string, found: readonly FoundLabel[]): void {
  const seen = new Map<string, FoundLabel>();
  for (const label of found) {
    const value = BigInt(label.text).toString();
    const twin = seen.get(value);
    if (twin) {
      throw new DataError(
        `${file}: line ${label.line}: the label "${label.text}" is the same number as the label "${twin.text}" of line ${twin.line}`,
        'write the label of a class in one way throughout',
      );
    }
    seen.set(value, label);
  }
}

const MOST_POSITIONS = 1_000_000;

/** The largest position; −1 if none is one. */
function largest(found: readonly FoundLabel[]): number {
  return found.reduce((most, { text }) => Math.max(most, positionOf(text, MOST_POSITIONS)), -1);
}

const positionOf = (text: string, count: number): number =>
  /^\d+$/.test(text) && Number(text) < count ? Number(text) : -1;

interface Unread {
  file: string;
  found: readonly FoundLabel[];
  list: readonly string[];
  byName: readonly number[];
  byNumber: readonly number[];
  declared: LabelMeaning | undefined;
}

function refusal({ file, found, list, byName, byNumber, declared }: Unread): DataError {
  const at = (i: number): string =>
    `${file}: line ${found[i]!.line}: the label ${JSON.stringify(found[i]!.text)}`;
  const known = `${list.length} classes: ${some(list)}`;
  const range = `no position from 0 to ${list.length - 1}`;
  const correct = 'correct the line, or use the class list that the labels belong to';
  const [noName, noPosition] = [byName.indexOf(-1), byNumber.indexOf(-1)];
  if (declared === 'positions') {
    const message = `${at(noPosition)} is ${range}, which all labels are said to be (labels: positions); ${known}`;
    return new DataError(message, countFromOne(found, list) ?? correct);
  }
  if (declared === 'names') {
    const message = `${at(noName)} is none of the ${known}; all labels are said to be names (labels: names)`;
    return new DataError(message, correct);
  }
  if (list.some(isInteger)) {
    const counted = found.every(({ text }) => positionOf(text, MOST_POSITIONS) >= 0);
    const declare = noPosition < 0 ? DECLARE : counted && list.every(isInteger) ? COUNT : null;
    const hint = declare ? `${correct}; ${declare}` : correct;
    return new DataError(`${at(noName)} is none of the ${known}`, hint);
  }
  const named = found[byName.findIndex((label) => label >= 0)];
  if (named) {
    const message = `${at(noName)} is none of the ${known}; as ${JSON.stringify(named.text)} in line ${named.line} is one, all labels of this list are names`;
    return new DataError(message, correct);
  }
  const message = `${at(noPosition)} is none of the ${known}; and ${range} among them`;
  return new DataError(message, countFromOne(found, list) ?? correct);
}

const DECLARE =
  'if the labels of this list are positions in the class list, counted from 0, say so: data.labels: positions, or --labels positions';

const COUNT =
  'if a class has no training image, say that labels count from 0: data.labels: positions, and data.classes as many as there are in all';

/** What to do where labels go from 1 to as many as there are classes. */
function countFromOne(found: readonly FoundLabel[], { length }: readonly string[]): string | null {
  const shifted = found.every(({ text }) => positionOf(text, length + 1) > 0);
  return shifted ? 'positions count from 0: take 1 off every label' : null;
}

/** The first few classes; of numbers the last as well. */
const some = (list: readonly string[]): string =>
  list.length <= 12 ? list.join(', ') : `${list.slice(0, 8).join(', ')}, … ${list.at(-1)}`;
