import { h, type JSX } from 'preact';
import type { RunReport } from '../page-data.js';
import { Chart } from './chart.js';
import type { Line } from './chart-spec.js';
import { type Group, spreadText, titleOf } from './group.js';

/** The reliability diagram: how often the best class is right, by the probability that it is given. */
export function calibration(groups: readonly Group[]): JSX.Element {
  const lines = groups.flatMap(({ runs, color }) =>
    runs.flatMap((run) => lineOf(run, color) ?? []),
  );
  if (lines.length === 0) {
    const { missing } = groups[0]!.runs[0]!;
    return h('p', { class: 'empty' }, `Not available: ${missing}`);
  }
  const diagonal: Line = {
    ...{ label: 'as it should be', color: '--muted', style: 'dashed', x: [0, 100], y: [0, 100] },
  };
  const spec = {
    title: 'Accuracy by probability of the best class',
    note: 'Images in 15 bins by the probability of their best class; above the dashed line the network is too modest, below it too sure. A bin of few images says little: the gap counts each by its images.',
    xLabel: 'probability of the best class, percent',
    yLabel: 'top-1 accuracy, percent',
    range: [0, 100] as [number, number],
    lines: [diagonal, ...lines],
    legend: true,
  };
  return h(
    'div',
    null,
    h('div', { class: 'grid charts' }, h(Chart, { spec })),
    groups.map((group) => h('p', { class: 'note' }, `${titleOf(group)}: ${summaryOf(group)}`)),
  );
}

function lineOf({ label, validation }: RunReport, color: string): Line | null {
  const bins = validation?.calibration.bins.filter(({ images }) => images > 0) ?? [];
  if (bins.length === 0) return null;
  const [x, y] = [bins.map((bin) => bin.confidence!), bins.map((bin) => bin.accuracy)];
  return { label, color, style: 'bold', x, y };
}

function summaryOf({ runs }: Group): string {
  const gaps = runs.map(({ validation }) => validation?.calibration.ece);
  const macro = (key: 'precision' | 'recall' | 'f1'): string =>
    spreadText(runs.map(({ validation }) => validation?.macro[key]));
  return [
    `expected gap between the two (ECE) ${spreadText(gaps)}`,
    `means over the classes: precision ${macro('precision')}, recall ${macro('recall')}, F1 ${macro('f1')}`,
  ].join('; ');
}
