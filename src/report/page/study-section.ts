import { h, type JSX } from 'preact';
import { headline, sectionsOf, type TableSection } from '../../study/table-sections.js';
import type { StudyStanding, StudyTable } from '../page-data.js';
import { Chart } from './chart.js';
import type { Section } from './sections.js';
import { axisChart, tuningCharts } from './study-charts.js';
import { differencePlot } from './study-differences.js';
import { StudyProgress } from './study-progress.js';

/** What a study has come to: first on the page of one. */
export const studySection = (study: StudyTable, standing: StudyStanding | null): Section => ({
  id: 'study',
  title: 'Study',
  all: () => body(study, standing),
  key: () => null,
  about: [study, standing],
});

function body(study: StudyTable, standing: StudyStanding | null): JSX.Element {
  const charts = [...axisChart(study), ...tuningCharts(study)];
  return h(
    'div',
    null,
    standing && h(StudyProgress, { standing }),
    h('p', { class: 'note' }, headline(study)),
    h(
      'ul',
      { class: 'note' },
      study.notes.map((note) => h('li', null, note)),
    ),
    sectionsOf(study).map(table),
    study.comparisons.some(({ difference }) => difference) && differencePlot(study),
    h(
      'div',
      { class: 'grid charts' },
      charts.map((spec) => h(Chart, { spec, key: spec.title })),
    ),
  );
}

/** As the terminal and Markdown have it. */
function table({ title, head, rows }: TableSection): JSX.Element {
  return h(
    'div',
    { class: 'study-table' },
    h('h3', null, title),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title },
      h(
        'table',
        null,
        h(
          'thead',
          null,
          h(
            'tr',
            null,
            head.map((name, i) =>
              i === 0 ? h('td', null) : h('th', { scope: 'col', class: 'number' }, name),
            ),
          ),
        ),
        h(
          'tbody',
          null,
          rows.map(([name, ...cells]) =>
            h(
              'tr',
              null,
              h('th', { scope: 'row' }, name),
              cells.map((cell) => h('td', { class: 'number' }, cell)),
            ),
          ),
        ),
      ),
    ),
  );
}
