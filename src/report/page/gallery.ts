import { h, type JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { GalleryImage, RunReport, ValidationReport } from '../page-data.js';
import { choice } from './controls.js';
import { percent, whole } from './format.js';

/** Validation images with their label and the five best predictions (paper, Figures 3 and 4). */
export function Gallery({ run }: { run: RunReport }): JSX.Element {
  const { validation } = run;
  if (!validation) return h('p', { class: 'empty' }, `Not available: ${run.missing}`);
  return h(Galleries, { validation });
}

function Galleries({ validation }: { validation: ValidationReport }): JSX.Element {
  const { galleries, classes } = validation;
  const [chosen, onChoose] = useState(galleries[0]!.title);
  const images = galleries.find(({ title }) => title === chosen)?.images ?? [];
  const options = galleries.map(({ title }) => [title, title] as const);
  return h(
    'div',
    null,
    h('div', { class: 'controls' }, choice({ label: 'gallery', options, chosen, onChoose })),
    h(
      'div',
      { class: 'gallery', key: chosen },
      images.length > 0
        ? images.map((image) => card(image, classes))
        : h('p', { class: 'empty' }, 'None.'),
    ),
    h(
      'p',
      { class: 'note' },
      `Right and wrong: images of all classes in turn, chosen by their names alone. From ${validation.source}, ${whole(validation.images)} images.`,
    ),
  );
}

function card(
  { path, picture, label, rank, best }: GalleryImage,
  classes: readonly string[],
): JSX.Element {
  const name = classes[label]!;
  return h(
    'figure',
    { class: rank === 1 ? 'right' : 'wrong' },
    picture
      ? h('img', { src: picture, alt: path, width: 208, height: 208, loading: 'lazy' })
      : h('div', { class: 'lost' }, 'no picture'),
    h(
      'figcaption',
      null,
      h('b', { title: path }, name),
      h('span', { class: 'rank' }, rank === 1 ? 'right' : `rank ${rank}`),
      h(
        'ol',
        null,
        best.map(([at, probability]) =>
          h(
            'li',
            { class: at === label ? 'true' : null },
            h('span', { class: 'fill', style: `width:${100 * probability}%` }),
            h('span', { class: 'label' }, classes[at]!),
            h('span', { class: 'value' }, percent(100 * probability, 1)),
          ),
        ),
      ),
    ),
  );
}
