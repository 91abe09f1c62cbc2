import { h, type JSX } from 'preact';
import type { RunReport } from '../page-data.js';
import { percent } from './format.js';
import { type Group, spreadOf } from './group.js';

/** A validation row. */
export interface Evaluated {
  step: number;
  /** Percent. */
  top1: number;
  top5: number;
}

/** The best validation row by the run's metric; the first of equal ones, as `best` names it. */
export function bestOf({ val, bestBy }: RunReport): Evaluated | null {
  const sign = bestBy.startsWith('loss.') ? -1 : 1;
  const values = val[bestBy] ?? [];
  let at = -1;
  values.forEach((value, i) => {
    if (value !== null && (at < 0 || sign * value > sign * values[at]!)) at = i;
  });
  return at < 0 ? null : evaluated(val, at);
}

export const lastOf = ({ val }: RunReport): Evaluated | null =>
  val.step.length > 0 ? evaluated(val, val.step.length - 1) : null;

const evaluated = (val: RunReport['val'], at: number): Evaluated => ({
  step: val.step[at]!,
  top1: val.top1![at]!,
  top5: val.top5![at]!,
});

const COLUMNS: readonly [string, (run: RunReport) => number | undefined][] = [
  ['top-1', (run) => bestOf(run)?.top1],
  ['top-5', (run) => bestOf(run)?.top5],
  ['top-1', (run) => lastOf(run)?.top1],
  ['top-5', (run) => lastOf(run)?.top5],
];

/** The accuracies of every seed, with mean and standard deviation; nothing where there is one of each. */
export function seeds(groups: readonly Group[]): JSX.Element | null {
  const several = groups.filter(({ runs }) => runs.length > 1);
  if (several.length === 0) return null;
  const head = (text: string, attributes: Record<string, string | number> = {}) =>
    h('th', { scope: 'col', class: 'number', ...attributes }, text);
  return h(
    'div',
    null,
    h('h3', null, 'Seeds'),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'seeds' },
      h(
        'table',
        { class: 'seeds' },
        h(
          'thead',
          null,
          h(
            'tr',
            null,
            h('td', null),
            head('best accuracy', { colspan: 2 }),
            head('last accuracy', { colspan: 2 }),
          ),
          h(
            'tr',
            null,
            h('td', null),
            COLUMNS.map(([name]) => head(name)),
          ),
        ),
        several.map(body),
      ),
    ),
    h('p', { class: 'note' }, 'Validation; standard deviation of the sample (n − 1).'),
  );
}

function body({ label, color, runs }: Group): JSX.Element {
  const row = (name: JSX.Element | string, values: string[], of: string | null = null) =>
    h(
      'tr',
      { class: of },
      h('th', { scope: 'row' }, name),
      values.map((text) => h('td', { class: 'number' }, text)),
    );
  const spreads = COLUMNS.map(([, of]) => {
    const values = runs.flatMap((run) => of(run) ?? []);
    return values.length === runs.length ? spreadOf(values) : null;
  });
  const dot = h('i', { class: 'dot', style: `background:var(${color})` });
  return h(
    'tbody',
    null,
    runs.map((run) => {
      const name = h(
        'span',
        null,
        `seed ${run.settings.seed ?? '–'} `,
        h('small', null, run.label),
      );
      return row(
        name,
        COLUMNS.map(([, of]) => percent(of(run))),
      );
    }),
    row(
      h('span', null, dot, `${label}: mean`),
      spreads.map((spread) => percent(spread?.mean)),
      'mean',
    ),
    row(
      'standard deviation',
      spreads.map((spread) => percent(spread?.std)),
      'mean',
    ),
  );
}
