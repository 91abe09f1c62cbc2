import type { GalleryImage, RunReport } from '../page-data.js';
import { choice, h } from './dom.js';
import { percent, whole } from './format.js';

/** Validation images with their label and the five best predictions (paper, Figures 3 and 4). */
export function gallery(run: RunReport): HTMLElement {
  const { validation } = run;
  if (!validation) return h('p', { class: 'empty' }, `Not available: ${run.missing}`);
  const { galleries, classes } = validation;
  const grid = h('div', { class: 'gallery' });
  const show = (title: string): void => {
    const images = galleries.find((each) => each.title === title)?.images ?? [];
    grid.replaceChildren(
      ...(images.length > 0
        ? images.map((image) => card(image, classes))
        : [h('p', { class: 'empty' }, 'None.')]),
    );
  };
  const options = galleries.map(({ title }) => [title, title] as const);
  show(galleries[0]!.title);
  return h(
    'div',
    {},
    h('div', { class: 'controls' }, choice('gallery', options, galleries[0]!.title, show)),
    grid,
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
): HTMLElement {
  const name = classes[label]!;
  return h(
    'figure',
    { class: rank === 1 ? 'right' : 'wrong' },
    picture
      ? h('img', { src: picture, alt: path, width: 208, height: 208, loading: 'lazy' })
      : h('div', { class: 'lost' }, 'no picture'),
    h(
      'figcaption',
      {},
      h('b', { title: path }, name),
      h('span', { class: 'rank' }, rank === 1 ? 'right' : `rank ${rank}`),
      h(
        'ol',
        {},
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
