import { permutation, Random } from '../../random.js';
import { cachedOrder, type PassOrder } from './pass-order.js';
import { filledClasses } from './pass-sampler.js';
import type { At, SampledImages, SamplerType, WithEpochSize } from './sampler-type.js';

export interface ClassAwareRule {
  kind: 'class-aware';
  /** Images drawn at each draw of a class; default 1. */
  samplesPerClass?: number;
}

export const classAware: SamplerType<Required<ClassAwareRule> & WithEpochSize, ClassAwareRule> = {
  named: 'class by class, so that every class is drawn equally often (paper, §3)',
  schema: ({ z, kind, epochSize }) =>
    z.strictObject({
      kind: kind('class-aware', 'Class by class, every class equally often (paper, §3).'),
      samplesPerClass: z
        .int()
        .positive()
        .default(1)
        .describe('Images drawn one after another at each draw of a class.'),
      epochSize,
    }),
  at: ({ samplesPerClass = 1 }, images) => classByClass(images, samplesPerClass),
  inARow: ({ samplesPerClass = 1 }) => samplesPerClass,
};

/**
 * Class-aware sampling (paper, "class-aware sampling"): one list of classes and one list of images
 * per class. Take the next class of the class list, then the next image of that class's list; a
 * list that has reached its end is reshuffled. Batches are near-uniform over classes however
 * unequal the classes are, and within a class every image is drawn equally often.
 *
 * As each pass of the class list visits every class once, pass q takes the q-th draw of each
 * class, which is entry `q mod n` of pass `floor(q / n)` of that class's list of n images.
 * Classes without images are left out.
 *
 * @param samplesPerClass k images one after another at each draw of a class: then pass q takes the draws k·q to
 *   k·q + k − 1 of each class
 */
function classByClass({ lists: listsOf, seed }: SampledImages, samplesPerClass: number): At {
  const lists = listsOf();
  const { images, starts } = lists;
  const classes = filledClasses(lists);
  const count = classes.length;
  const classOrder = cachedOrder();
  const imageOrders = new Map<number, PassOrder>();
  return (position) => {
    const visit = Math.floor(position / samplesPerClass);
    const pass = Math.floor(visit / count);
    const order = classOrder(pass, () => permutation(count, new Random(seed, 'classes', pass)));
    const c = classes[order[visit % count]!]!;
    const start = starts[c]!;
    const n = starts[c + 1]! - start;
    const draw = pass * samplesPerClass + (position % samplesPerClass);
    const imagePass = Math.floor(draw / n);
    let imageOrder = imageOrders.get(c);
    if (!imageOrder) {
      imageOrder = cachedOrder();
      imageOrders.set(c, imageOrder);
    }
    const entries = imageOrder(imagePass, () =>
      permutation(n, new Random(seed, 'images', c, imagePass)),
    );
    return images[start + entries[draw % n]!]!;
  };
}
