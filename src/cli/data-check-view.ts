import type { KindReport, PartReport } from '../check/check.js';
import { KINDS } from '../check/kinds.js';
import type { DataCheckResult, WrittenList } from '../commands/data-check.js';

const n = (value: number): string => value.toLocaleString('en');

/** The report of `relaybp data check` as text. */
export function dataCheckLines(result: DataCheckResult): string[] {
  const { parts, kinds, duplicates, problems, lists, seconds, images } = result;
  const [bad, other] = [true, false].map((problem) =>
    KINDS.filter((kind) => kind.problem === problem && kinds[kind.name].count > 0),
  ) as [(typeof KINDS)[number][], (typeof KINDS)[number][]];
  return [
    `${result.root}: ${n(images)} images read in ${seconds} s`,
    ...parts.flatMap(partLines),
    ...(bad.length > 0 ? ['problems'] : []),
    ...bad.flatMap(({ name, title }) => kindLines(title, kinds[name])),
    ...(other.length > 0 ? ['for information'] : []),
    ...other.flatMap(({ name, title }) => kindLines(title, kinds[name])),
    ...(duplicates.groups > 0
      ? [
          `${n(duplicates.images)} images share their contents, ${n(duplicates.groups)} different ones`,
        ]
      : []),
    ...(kinds.changed.count > 0
      ? ['--rebuild-index, here or in a training, takes note of the changed files']
      : []),
    ...lists.flatMap((list) => listLines(result.root, list)),
    problems === 0 ? 'no problems' : `${n(problems)} problem${problems === 1 ? '' : 's'}`,
  ];
}

function partLines(part: PartReport): string[] {
  const { name, images, classes, largest, smallest, imbalance, emptyClasses, unknownClasses } =
    part;
  const of = name === '.' ? '' : `${name}: `;
  return [
    `  ${of}${n(images)} images in ${n(classes)} ${classes === 1 ? 'class' : 'classes'}, from ${n(largest.images)} (${largest.name}) to ${n(smallest.images)} (${smallest.name}): ${imbalance} to 1`,
    ...(emptyClasses.length > 0 ? [`  ${of}no images in ${some(emptyClasses)}`] : []),
    ...(unknownClasses.length > 0
      ? [`  ${of}problem: classes that training does not know: ${some(unknownClasses)}`]
      : []),
  ];
}

function kindLines(title: string, { count, examples }: KindReport): string[] {
  return [
    `  ${n(count)} ${title}`,
    ...examples.map(({ path, reason }) => `    ${path}${reason === null ? '' : `: ${reason}`}`),
    ...(count > examples.length && examples.length > 0
      ? [`    and ${n(count - examples.length)} more`]
      : []),
  ];
}

function listLines(root: string, { file, part, images, unfit, value }: WrittenList): string[] {
  const key = /^val|^test/i.test(part) ? 'val' : 'train';
  return [
    `written: ${file}, ${n(images)} images; use it with data: {root: ${root}, ${key}: ${value}}`,
    ...(unfit > 0
      ? [`  ${n(unfit)} images are not in it, as their names hold line breaks or begin with blanks`]
      : []),
  ];
}

const some = (names: readonly string[]): string =>
  names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
