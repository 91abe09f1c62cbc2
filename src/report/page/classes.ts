import type { ClassResult, RunReport } from '../data.js';
import { h } from './dom.js';
import { percent, whole } from './format.js';
import { runColor } from './theme.js';

type Key = 'class' | 'images' | 'top1' | 'top5';

/** Accuracy of every class, sortable, with the other runs' as marks on the same bar. */
export function classes(run: RunReport, runs: readonly RunReport[]): HTMLElement {
  const { validation } = run;
  if (!validation) return h('p', { class: 'empty' }, `Not available: ${run.missing}`);
  let key: Key = 'top1';
  let descending = false;
  let wanted = '';
  const others = runs.flatMap((other, i) =>
    other !== run && other.validation ? [{ label: other.label, color: runColor(i), other }] : [],
  );
  const body = h('tbody');
  const heads = new Map<Key, HTMLElement>();
  const rowOf = (name: string, result: ClassResult): HTMLElement => {
    const marks = others.flatMap(({ label, color, other }) => {
      const at = other.validation!.classes.indexOf(name);
      const top1 = other.validation!.perClass[at]?.top1;
      return top1 === null || top1 === undefined ? [] : [{ label, color, top1 }];
    });
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      h('td', { class: 'number' }, whole(result.images)),
      h('td', { class: 'wide' }, bar(result, runColor(runs.indexOf(run)), marks)),
      h('td', { class: 'number' }, percent(result.top1, 1)),
      h('td', { class: 'number' }, percent(result.top5, 1)),
    );
  };
  const draw = (): void => {
    const rows = validation.classes
      .map((name, i) => ({ name, result: validation.perClass[i]! }))
      .filter(({ name }) => name.toLowerCase().includes(wanted));
    const sortedBy = ({ name, result }: (typeof rows)[number]): string | number =>
      key === 'class' ? name : (result[key] ?? -1);
    rows.sort((a, b) => {
      const [x, y] = [sortedBy(a), sortedBy(b)];
      const order = typeof x === 'string' ? x.localeCompare(String(y)) : x - Number(y);
      return (descending ? -order : order) || a.name.localeCompare(b.name);
    });
    body.replaceChildren(...rows.map(({ name, result }) => rowOf(name, result)));
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
        head('top5', 'top-5', { class: 'number' }),
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
      'Whiskers: 95 % intervals (Wilson).',
      others.length > 0 && ' Marks: ',
      others.map(({ label, color }) =>
        h('span', { class: 'key' }, h('i', { style: `background:var(${color})` }), label),
      ),
    ),
  );
}

function bar(
  { top1, interval }: ClassResult,
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
