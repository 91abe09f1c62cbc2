import { h, type JSX } from 'preact';
import type { ValidationReport } from '../page-data.js';
import { percent } from './format.js';

const PAIRS = 40;

/** The most confused pairs of classes, each a button. */
export function confusedPairs(
  { classes, perClass, confusion }: ValidationReport,
  onChoose: (label: number, predicted: number) => void,
): JSX.Element {
  const wrong = confusion
    .filter(([label, predicted]) => label !== predicted)
    .sort((a, b) => b[2] - a[2] || b[2] / perClass[b[0]]!.images - a[2] / perClass[a[0]]!.images)
    .slice(0, PAIRS);
  return h(
    'div',
    { class: 'pairs' },
    h('h3', null, 'Most confused'),
    h(
      'ol',
      { class: 'scroll' },
      wrong.map(([label, predicted, count]) =>
        h(
          'li',
          null,
          h(
            'button',
            { type: 'button', onClick: () => onChoose(label, predicted) },
            h('span', null, `${classes[label]} → ${classes[predicted]}`),
            h('b', null, `${count} · ${percent((100 * count) / perClass[label]!.images, 0)}`),
          ),
        ),
      ),
    ),
    wrong.length === 0 && h('p', { class: 'empty' }, 'No mistakes.'),
  );
}
