import { h, type JSX } from 'preact';
import { spreadOf } from '../../eval/spread.js';
import type { RunReport } from '../page-data.js';
import { percent } from './format.js';
import type { Group } from './group.js';

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
    h(
      'p',
      { class: 'note' },
      "Validation; standard deviation of the sample (n − 1), interval of the mean by Student's distribution.",
    ),
    seedDifferences(several),
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
      spreads.map((spread) => percent(spread?.deviation)),
      'mean',
    ),
    row(
      '95 % of the mean',
      spreads.map((spread) => halfText(spread?.interval)),
      'mean',
    ),
  );
}

/** `± 1.24`, short enough for a phone. */
const halfText = (interval: readonly [number, number] | null | undefined): string =>
  interval ? `± ${((interval[1] - interval[0]) / 2).toFixed(2)}` : '–';

/** Of the groups after the first, their differences to that over the seeds that both have. */
function seedDifferences([first, ...others]: readonly Group[]): JSX.Element | null {
  const rows = others.flatMap((group) => {
    const texts = COLUMNS.map(([, of]) => {
      const differences = group.runs.flatMap((run) => {
        const same = first!.runs.find(({ settings }) => settings.seed === run.settings.seed);
        const [own, other] = [of(run), same && of(same)];
        return own === undefined || other === undefined ? [] : [own - other];
      });
      const spread = spreadOf(differences);
      return spread?.interval
        ? `${signed(spread.mean)} (${signed(spread.interval[0])} to ${signed(spread.interval[1])}), ${spread.n} seeds`
        : null;
    });
    return texts.some((text) => text !== null) ? [{ label: group.label, texts }] : [];
  });
  if (rows.length === 0) return null;
  const title = `Differences to ${first!.label}, over the same seeds: points, with 95 % intervals`;
  const heads = ['best top-1', 'best top-5', 'last top-1', 'last top-5'];
  return h(
    'div',
    null,
    h('h3', null, title),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title },
      h(
        'table',
        { class: 'seeds seed-differences' },
        h(
          'thead',
          null,
          h(
            'tr',
            null,
            h('td', null),
            heads.map((name) => h('th', { scope: 'col', class: 'number' }, name)),
          ),
        ),
        h(
          'tbody',
          null,
          rows.map(({ label, texts }) =>
            h(
              'tr',
              null,
              h('th', { scope: 'row' }, label),
              texts.map((text) => h('td', { class: 'number' }, text ?? '–')),
            ),
          ),
        ),
      ),
    ),
    h('p', { class: 'note' }, 'An interval that holds zero shows no difference.'),
  );
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${value.toFixed(2)}`;
