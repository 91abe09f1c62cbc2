import { Component, type ComponentChildren, h, type JSX } from 'preact';
import type { RunReport } from '../page-data.js';

import { Classes } from './classes.js';
import { Confusion } from './confusion-matrix.js';
import { selectBox } from './controls.js';
import { Curves } from './curves.js';
import { whole } from './format.js';
import { Gallery } from './gallery.js';
import { Gradients } from './gradients.js';
import { type Group, spreadText, titleOf } from './group.js';
import { networks } from './network-drawings.js';
import { calibration } from './reliability-diagram.js';
import { Signals } from './signal-charts.js';
import { summary } from './summary.js';

/** A part of the page, drawn anew when what it shows has changed. */
export interface Section {
  id: string;
  title: string;
  all?: (groups: readonly Group[]) => JSX.Element;
  /** Shows one group, or one run, at a time: there is a choice where there are several. */
  perGroup?: (group: Group, groups: readonly Group[]) => JSX.Element;
  perRun?: (run: RunReport) => JSX.Element;
  /** What it depends on; it is left alone while this stays the same. */
  key: (run: RunReport) => unknown;
  /** What it depends on besides; with it the section is there without runs. */
  about?: unknown;
  note?: string;
}

export const SECTIONS: readonly Section[] = [
  {
    id: 'summary',
    title: 'Summary',
    all: summary,
    key: ({ state, step, totalSteps, val, facts, sessions, leftOut }) => {
      return [state, step, totalSteps, val, facts, sessions, leftOut];
    },
  },
  {
    id: 'curves',
    title: 'Training',
    all: (groups) => h(Curves, { groups }),
    key: ({ train, val }) => [train.step.length, val.step.length],
  },
  {
    id: 'network',
    title: 'Network and ranges',
    note: "How each loss's gradient flows: it enters at its head and stops at the bottom of its range. Where ranges overlap a layer takes the sum of both.",
    all: networks,
    key: ({ network }) => network,
  },
  {
    id: 'gradients',
    title: 'Gradients',
    perRun: (run) => h(Gradients, { run }),
    key: ({ gradients }) => gradients.length,
  },
  {
    id: 'signals',
    title: 'Signals',
    perRun: (run) => h(Signals, { run }),
    key: ({ signals }) => signals.length,
  },
  {
    id: 'classes',
    title: 'Classes',
    perGroup: (group, groups) => h(Classes, { group, groups }),
    key: validationKey,
  },
  { id: 'calibration', title: 'Calibration', all: calibration, key: validationKey },
  {
    id: 'confusion',
    title: 'Confusion',
    perRun: (run) => h(Confusion, { run }),
    key: validationKey,
  },
  { id: 'gallery', title: 'Images', perRun: (run) => h(Gallery, { run }), key: validationKey },
];

function validationKey({ validation, missing }: RunReport): unknown {
  return [validation?.source, validation?.step, validation?.images, validation?.top1, missing];
}

/** What the sections are about, and the label of the run for those that show one at a time. */
interface Shown {
  runs: readonly RunReport[];
  groups: readonly Group[];
  chosen: string;
}

export function sectionOf(
  section: Section,
  shown: Shown,
  choose: (label: string) => void,
): JSX.Element {
  const { id, title, note } = section;
  return h(
    'section',
    { id, 'aria-labelledby': `${id}-title` },
    h('h2', { id: `${id}-title` }, title),
    note && h('p', { class: 'note' }, note),
    h(
      'div',
      null,
      (section.about !== undefined || shown.runs.length > 0) && bodyOf(section, shown, choose),
    ),
  );
}

function bodyOf(
  { id, all, perGroup, perRun, key, about: besides }: Section,
  { runs, groups, chosen }: Shown,
  choose: (label: string) => void,
): ComponentChildren {
  const state = JSON.stringify([
    all ? null : chosen,
    besides,
    groups.map(({ label }) => label),
    runs.map((run) => [run.label, key(run)]),
  ]);
  if (all) return h(Part, { state, body: () => all(groups) });
  const group = groups.find((each) => each.runs.some(({ label }) => label === chosen))!;
  if (perGroup) {
    const options = groups.map((each) => [each.runs[0]!.label, titleOf(each)] as const);
    const body = () => [about(group.runs), perGroup(group, groups)];
    return [chooser(options, group.runs[0]!.label, choose), h(Part, { state, body, key: state })];
  }
  const run = group.runs.find(({ label }) => label === chosen)!;
  const options = runs.map(({ label }) => [label, label] as const);
  const body = () => [id !== 'gradients' && about([run]), perRun!(run)];
  return [chooser(options, chosen, choose), h(Part, { state, body, key: state })];
}

/** Is left alone while what it shows stays the same. */
class Part extends Component<{ state: string; body: () => ComponentChildren }> {
  override shouldComponentUpdate(next: { state: string }): boolean {
    return next.state !== this.props.state;
  }

  override render(): ComponentChildren {
    return this.props.body();
  }
}

/** Chooses the run for all sections that show one, or its group, at a time. */
function chooser(
  options: readonly (readonly [label: string, text: string])[],
  chosen: string,
  onChoose: (label: string) => void,
): JSX.Element | false {
  if (options.length < 2) return false;
  const box = selectBox({ label: 'run', options, chosen, onChoose });
  return h('div', { class: 'controls chooser' }, box);
}

/** Where the numbers of the sections on images come from. */
function about(runs: readonly RunReport[]): JSX.Element | null {
  const found = runs.flatMap(({ validation }) => validation ?? []);
  const [first] = found;
  if (!first) return null;
  const { step, source, images } = first;
  const one = step === null ? source : `best checkpoint, step ${whole(step)}, single centre crop`;
  const several = found.some((each) => each.step === null)
    ? found.map((each) => each.source).join(', ')
    : `best checkpoints of ${found.length} seeds, single centre crop`;
  const rates = ([1, 5] as const).map((k) => {
    return `top-${k} accuracy ${spreadText(found.map((each) => each[`top${k}`]))}`;
  });
  const from = found.length > 1 ? several : one;
  const notes = [...new Set(found.flatMap((each) => each.notes))];
  return h(
    'div',
    null,
    h('p', { class: 'note' }, `${from}: ${whole(images)} images, ${rates.join(', ')}`),
    notes.map((note) => h('p', { class: 'note' }, `${note}.`)),
  );
}
