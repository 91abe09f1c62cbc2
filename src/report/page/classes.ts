import { h } from './dom.js';
import { percent, whole } from './format.js';
import { type Group, spreadOf, titleOf } from './group.js';

type Key = 'class' | 'images' | 'top1' | 'top5';

/** What is known of a class: of one run, or the mean over the seeds of a group. */
interface Row {
  name: string;
  images: number;
  /** Percent; null without images. */
  top1: number | null;
  top5: number | null;
  /** Standard deviation of `top1` over seeds. */
  std: number | null;
  /** Percent: of `top1`, 95 % of one run, one standard deviation of several. */
  interval: readonly [number, number];
}

/** Accuracy of every class, sortable, with the other groups' as marks on the same bar. */
export function classes(group: Group, groups: readonly Group[]): HTMLElement {
  const all = rowsOf(group);
  if (!all) {
    const { label, missing } = group.runs.find(({ validation }) => !validation)!;
    const run = group.runs.length > 1 ? `${label}: ` : '';
    return h('p', { class: 'empty' }, `Not available: ${run}${missing}`);
  }
  let key: Key = 'top1';
  let descending = false;
  let wanted = '';
  const others = groups.flatMap((other) => {
    const rows = other === group ? null : rowsOf(other);
    const top1 = new Map(rows?.map((row) => [row.name, row.top1]));
    return rows ? [{ label: titleOf(other), color: other.color, top1 }] : [];
  });
  const body = h('tbody');
  const heads = new Map<Key, HTMLElement>();
  const rowOf = (row: Row): HTMLElement => {
    const marks = others.flatMap(({ label, color, top1: of }) => {
      const top1 = of.get(row.name) ?? null;
      return top1 === null ? [] : [{ label, color, top1 }];
    });
    const { name, images, top1, top5, std } = row;
    const text = std === null ? percent(top1, 1) : `${top1!.toFixed(1)} ± ${percent(std, 1)}`;
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      h('td', { class: 'number' }, whole(images)),
      h('td', { class: 'wide' }, bar(row, group.color, marks)),
      h('td', { class: 'number' }, text),
      h('td', { class: 'number' }, percent(top5, 1)),
    );
  };
  const draw = (): void => {
    const rows = all.filter(({ name }) => name.toLowerCase().includes(wanted));
    const sortedBy = (row: Row): string | number => {
      return key === 'class' ? row.name : (row[key] ?? -1);
    };
    rows.sort((a, b) => {
      const [x, y] = [sortedBy(a), sortedBy(b)];
      const order = typeof x === 'string' ? x.localeCompare(String(y)) : x - Number(y);
      return (descending ? -order : order) || a.name.localeCompare(b.name);
    });
    body.replaceChildren(...rows.map(rowOf));
    for (const [each, head] of heads) {
      const sort = each === key ? (descending ? 'descending' : 'ascending') : 'none';
      head.setAttribute('aria-sort', sort);
    }
  };
  const head = (
    each: Key,
    text: string,
    attributes: Record<string, string | number> = {},
  ): HTMLElement => {
    const cell = h(
      'th',
      { scope: 'col', 'aria-sort': 'none', ...attributes },
      h(
        'button',
        {
          type: 'button',
          onclick: () => {
            descending = key === each ? !descending : each === 'images';
            key = each;
            draw();
          },
        },
        text,
      ),
    );
    heads.set(each, cell);
    return cell;
  };
  const table = h(
    'table',
    { class: 'classes' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        head('class', 'class'),
        head('images', 'images', { class: 'number' }),
        head('top1', 'top-1 accuracy', { colspan: 2 }),
        head('top5', 'top-5 accuracy', { class: 'number' }),
      ),
    ),
    body,
  );
  const filter = h('input', {
    type: 'search',
    placeholder: 'name',
    oninput: () => {
      wanted = filter.value.trim().toLowerCase();
      draw();
    },
  });
  draw();
  return h(
    'div',
    {},
    h('div', { class: 'controls' }, h('label', { class: 'field' }, h('span', {}, 'find'), filter)),
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

/** Null where a run of the group has no results. */
function rowsOf({ runs }: Group): Row[] | null {
  const found = runs.flatMap(({ validation }) => validation ?? []);
  if (found.length < runs.length) return null;
  const byName = found.map((each) => {
    return new Map(each.classes.map((name, i) => [name, each.perClass[i]!]));
  });
  return found[0]!.classes.map((name, i): Row => {
    const results = byName.map((each) => each.get(name));
    const of = (key: 'top1' | 'top5') => spreadOf(results.flatMap((result) => result?.[key] ?? []));
    const [top1, { images, interval }] = [of('top1'), found[0]!.perClass[i]!];
    const std = top1?.std ?? null;
    const around: Row['interval'] =
      top1 && std !== null
        ? [Math.max(0, top1.mean - std), Math.min(100, top1.mean + std)]
        : interval;
    return {
      ...{ name, images, std, interval: around },
      top1: top1?.mean ?? null,
      top5: of('top5')?.mean ?? null,
    };
  });
}

function bar(
  { top1, interval }: Row,
  color: string,
  marks: readonly { label: string; color: string; top1: number }[],
): HTMLElement | string {
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
