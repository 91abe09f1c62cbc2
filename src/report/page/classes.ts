import { h, type JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { spreadOf } from '../../eval/spread.js';
import { typedIn } from './controls.js';
import { percent, whole } from './format.js';
import { type Group, titleOf } from './group.js';

type Key = 'class' | 'images' | 'top1' | 'top5' | 'precision' | 'f1';

/** What is known of a class: of one run, or the mean over the seeds of a group. */
interface Row {
  name: string;
  images: number;
  /** Percent; null without images. */
  top1: number | null;
  top5: number | null;
  precision: number | null;
  f1: number | null;
  /** Standard deviation of `top1` over seeds. */
  std: number | null;
  /** Percent: of `top1`, 95 % of one run, one standard deviation of several. */
  interval: readonly [number, number];
}

/** Accuracy of every class, sortable, with the other groups' as marks on the same bar. */
export function Classes({
  group,
  groups,
}: {
  group: Group;
  groups: readonly Group[];
}): JSX.Element {
  const rows = useMemo(() => rowsOf(group), [group]);
  const others = useMemo(() => othersOf(group, groups), [group, groups]);
  if (rows) return h(Table, { group, rows, others });
  const { label, missing } = group.runs.find(({ validation }) => !validation)!;
  const run = group.runs.length > 1 ? `${label}: ` : '';
  return h('p', { class: 'empty' }, `Not available: ${run}${missing}`);
}

/** What another group's marks are made of. */
interface Other {
  label: string;
  color: string;
  top1: ReadonlyMap<string, number | null>;
}

const othersOf = (group: Group, groups: readonly Group[]): Other[] =>
  groups.flatMap((other) => {
    const rows = other === group ? null : rowsOf(other);
    const top1 = new Map(rows?.map((row) => [row.name, row.top1]));
    return rows ? [{ label: titleOf(other), color: other.color, top1 }] : [];
  });

interface Sort {
  key: Key;
  descending: boolean;
}

interface TableProps {
  group: Group;
  rows: readonly Row[];
  others: readonly Other[];
}

function Table({ group, rows, others }: TableProps): JSX.Element {
  const [sort, setSort] = useState<Sort>({ key: 'top1', descending: false });
  const [wanted, setWanted] = useState('');
  const lines = useMemo(() => {
    const found = rows.filter(({ name }) => name.toLowerCase().includes(wanted));
    return sorted(found, sort).map((row) => tableRow(row, group, others));
  }, [rows, wanted, sort, group, others]);
  const head = (
    key: Key,
    text: string,
    attributes: Record<string, string | number> = {},
  ): JSX.Element => {
    const chosen = key === sort.key;
    const descending = chosen ? !sort.descending : key === 'images';
    const order = sort.descending ? 'descending' : 'ascending';
    return h(
      'th',
      { scope: 'col', 'aria-sort': chosen ? order : 'none', ...attributes },
      h('button', { type: 'button', onClick: () => setSort({ key, descending }) }, text),
    );
  };
  const table = h(
    'table',
    { class: 'classes' },
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        head('class', 'class'),
        head('images', 'images', { class: 'number' }),
        head('top1', 'top-1 accuracy', { colspan: 2 }),
        head('top5', 'top-5 accuracy', { class: 'number' }),
        head('precision', 'precision', { class: 'number extra' }),
        head('f1', 'F1', { class: 'number extra' }),
      ),
    ),
    h('tbody', null, lines),
  );
  const filter = h('input', {
    type: 'search',
    placeholder: 'name',
    onInput: (event: Event) => setWanted(typedIn(event).trim().toLowerCase()),
  });
  return h(
    'div',
    null,
    h(
      'div',
      { class: 'controls' },
      h('label', { class: 'field' }, h('span', null, 'find'), filter),
    ),
    h('div', { class: 'scroll tall', tabindex: 0, role: 'region', 'aria-label': 'classes' }, table),
    h(
      'p',
      { class: 'note' },
      group.runs.length > 1
        ? 'Means over the seeds; whiskers: one standard deviation (n − 1) on either side.'
        : 'Whiskers: 95 % intervals (Wilson).',
      others.length > 0 && ' Marks: ',
      others.map(({ label, color }) =>
        h('span', { class: 'key' }, h('i', { style: `background:var(${color})` }), label),
      ),
    ),
  );
}

function sorted(rows: readonly Row[], { key, descending }: Sort): Row[] {
  const by = (row: Row): string | number => (key === 'class' ? row.name : (row[key] ?? -1));
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    const order = typeof x === 'string' ? x.localeCompare(String(y)) : x - Number(y);
    return (descending ? -order : order) || a.name.localeCompare(b.name);
  });
}

/** Without a key: a row takes the place of another by its texts, which is twice as fast as moving thousands. */
function tableRow(row: Row, group: Group, others: readonly Other[]): JSX.Element {
  const { name, images, top1, top5, precision, f1, std } = row;
  const marks = others.flatMap(({ label, color, top1: of }) => {
    const other = of.get(name) ?? null;
    return other === null ? [] : [{ label, color, top1: other }];
  });
  const text = std === null ? percent(top1, 1) : `${top1!.toFixed(1)} ± ${percent(std, 1)}`;
  return h(
    'tr',
    null,
    h('th', { scope: 'row' }, name),
    h('td', { class: 'number' }, whole(images)),
    h('td', { class: 'wide' }, bar(row, group.color, marks)),
    h('td', { class: 'number' }, text),
    h('td', { class: 'number' }, percent(top5, 1)),
    h('td', { class: 'number extra' }, percent(precision, 1)),
    h('td', { class: 'number extra' }, percent(f1, 1)),
  );
}

/** Null where a run of the group has no results. */
function rowsOf({ runs }: Group): Row[] | null {
  const found = runs.flatMap(({ validation }) => validation ?? []);
  if (found.length < runs.length) return null;
  const byName = found.map((each) => {
    return new Map(each.classes.map((name, i) => [name, each.perClass[i]!]));
  });
  return found[0]!.classes.map((name, i): Row => {
    const results = byName.map((each) => each.get(name));
    const of = (key: 'top1' | 'top5' | 'precision' | 'f1') =>
      spreadOf(results.flatMap((result) => result?.[key] ?? []));
    const [top1, { images, interval }] = [of('top1'), found[0]!.perClass[i]!];
    const std = top1?.deviation ?? null;
    const around: Row['interval'] =
      top1 && std !== null
        ? [Math.max(0, top1.mean - std), Math.min(100, top1.mean + std)]
        : interval;
    return {
      ...{ name, images, std, interval: around },
      top1: top1?.mean ?? null,
      top5: of('top5')?.mean ?? null,
      precision: of('precision')?.mean ?? null,
      f1: of('f1')?.mean ?? null,
    };
  });
}

function bar(
  { top1, interval }: Row,
  color: string,
  marks: readonly { label: string; color: string; top1: number }[],
): JSX.Element | string {
  if (top1 === null) return 'no images';
  return h(
    'div',
    { class: 'bar', style: `--accent:var(${color})` },
    h('div', { style: `width:${top1}%` }),
    h('i', { class: 'whisker', style: `left:${interval[0]}%;width:${interval[1] - interval[0]}%` }),
    marks.map((mark) =>
      h('i', {
        class: 'mark',
        title: `${mark.label}: ${percent(mark.top1, 1)}`,
        style: `left:${mark.top1}%;background:var(${mark.color})`,
      }),
    ),
  );
}
