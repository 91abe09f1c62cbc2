import { h, type JSX } from 'preact';
import type { RunReport } from '../page-data.js';
import { Numbers } from './controls.js';
import { facts, plain } from './facts.js';
import { minute, whole } from './format.js';
import { type Group, spreadText, titleOf } from './group.js';
import { bestOf, seeds } from './seeds.js';

/** What was trained, how far, and how well. */
export function summary(groups: readonly Group[]): JSX.Element {
  return h(
    'div',
    null,
    h('div', { class: 'grid cards' }, groups.map(card)),
    leftOut(groups),
    seeds(groups),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'facts' },
      facts(groups),
    ),
    groups.length > 1 && differences(groups),
    commands(groups),
    groups.map((group) => config(group, groups.length)),
  );
}

function card(group: Group): JSX.Element {
  const { runs, color } = group;
  const best = runs.map(bestOf);
  const figure = (name: string, value: string) =>
    h('div', { class: 'figure' }, h('b', null, value), h('span', null, name));
  const first = best[0];
  const [done, steps] = progressOf(runs);
  return h(
    'article',
    { class: 'card', style: `--accent:var(${color})` },
    h('header', null, h('h3', null, titleOf(group)), h('span', { class: 'chip' }, runs[0]!.method)),
    h(
      'div',
      { class: 'figures' },
      figure('top-1 accuracy', spreadText(best.map((row) => row?.top1))),
      figure('top-5 accuracy', spreadText(best.map((row) => row?.top5))),
      runs.length === 1 && figure('at step', first ? whole(first.step) : '–'),
    ),
    h(
      'div',
      { class: 'progress', role: 'progressbar', 'aria-label': steps, 'aria-valuemin': 0 },
      h('div', { style: `width:${100 * done}%` }),
    ),
    h('p', { class: 'note' }, states(runs), ` · ${steps}`),
  );
}

/** What the runs' files hold that the page does not show. */
function leftOut(groups: readonly Group[]): JSX.Element | null {
  const runs = groups.flatMap((group) => group.runs);
  const lines = runs.flatMap(({ label, leftOut: texts }) =>
    texts.map((text) => h('li', null, runs.length > 1 ? `${label}: ${text}` : text)),
  );
  return lines.length === 0 ? null : h('ul', { class: 'note left-out' }, lines);
}

/** How much of the training is done, over all seeds, and the same in words. */
function progressOf(runs: readonly RunReport[]): [share: number, text: string] {
  const done = runs.reduce((sum, { step }) => sum + step, 0);
  const total = runs.reduce((sum, { totalSteps }) => sum + (totalSteps ?? 0), 0);
  if (total === 0) return [0, 'not begun'];
  const of = `${whole(done)} of ${whole(total)}`;
  const text = runs.length > 1 ? `${of} steps of ${runs.length} seeds` : `step ${of}`;
  return [Math.min(1, done / total), text];
}

/** `finished`, or `2 finished, 1 in progress`. */
function states(runs: readonly RunReport[]): (JSX.Element | string)[] {
  const counts = new Map<RunReport['state'], number>();
  for (const { state } of runs) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].flatMap(([state, n], i) => [
    i > 0 ? ', ' : '',
    h(
      'span',
      { class: `state ${state.replace(' ', '-')}` },
      runs.length > 1 ? `${n} ${state}` : state,
    ),
  ]);
}

function config({ label, runs }: Group, groups: number): JSX.Element {
  const [{ yaml, settings }, ...others] = runs as [RunReport, ...RunReport[]];
  const of = groups > 1 ? ` of ${label}` : '';
  const seed = others.length > 0 ? `, seed ${plain(settings.seed)}` : '';
  return h(
    'details',
    null,
    h('summary', null, `Config${of}${seed}`),
    h('pre', { class: 'scroll', tabindex: 0 }, yaml),
  );
}

/** What was typed, when and where; nothing of runs that did not write it down. */
function commands(groups: readonly Group[]): JSX.Element | null {
  const runs = groups.flatMap((group) => group.runs).filter(({ sessions }) => sessions.length > 0);
  const lines = runs.flatMap(({ label, sessions }) =>
    sessions.map(({ started, host, folder, command }) => {
      return `# ${label}, ${minute(started)}, ${host}, in ${folder}\n${command ?? '(by the API)'}\n`;
    }),
  );
  if (lines.length === 0) return null;
  return h(
    'details',
    null,
    h('summary', null, `Commands (${lines.length})`),
    h('pre', { class: 'scroll commands', tabindex: 0 }, lines.join('\n')),
  );
}

function differences(groups: readonly Group[]): JSX.Element | null {
  const runs = groups.flatMap((group) => group.runs);
  const keys = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const value = (group: Group, key: string): string =>
    [...new Set(group.runs.map(({ settings }) => settings[key] ?? 'not set'))].join(', ');
  const differing = keys.filter((key) => new Set(groups.map((one) => value(one, key))).size > 1);
  const rows = differing.map((key) => [key, ...groups.map((group) => value(group, key))]);
  return h(Numbers, {
    caption: 'Settings that differ',
    summary: `Settings that differ (${differing.length})`,
    make: () => ({ head: ['key', ...groups.map(titleOf)], rows }),
  });
}
