/**
 * Samplers: in which order the images are drawn.
 *
 * A sampler is a pure function from a position (0, 1, 2, … over the whole run) to an image. Its
 * permutations derive from the seed, the list and the pass, so the only state to save in a
 * checkpoint is the position. Current permutations are cached, at most one per list, so that
 * going through the positions in order costs constant time each; memory is 4 bytes per image.
 */

import { permutation, Random } from '../random.js';
import { type ClassLists, classLists } from './class-lists.js';
import type { ImageIndex } from './image-index.js';

/** What a sampler is made from; plain data that a worker can receive. */
export interface SamplerSpec {
  kind: 'class-aware' | 'shuffle' | 'sequential';
  /** Not used by 'sequential'. */
  seed: number;
}

export interface Sampler {
  /** Positions that count as one epoch: the number of images. */
  readonly epochSize: number;
  /** Image index at a position, an integer ≥ 0. The same at any time and in any order of calls. */
  at(position: number): number;
}

/** @param lists of the index's labels, if the caller has them already */
export function createSampler(spec: SamplerSpec, index: ImageIndex, lists?: ClassLists): Sampler {
  switch (spec.kind) {
    case 'class-aware':
      return classAwareSampler(lists ?? classLists(index.labels, index.classes.length), spec.seed);
    case 'shuffle':
      return shuffleSampler(index.count, spec.seed);
    case 'sequential':
      return { epochSize: index.count, at: (position) => position % index.count };
  }
}

/**
 * Class-aware sampling (paper, "class-aware sampling"): one list of classes and one list of images
 * per class. Take the next class of the class list, then the next image of that class's list; a
 * list that has reached its end is reshuffled. Batches are near-uniform over classes however
 * unequal the classes are, and within a class every image is drawn equally often.
 *
 * As each pass of the class list visits every class once, pass q takes the q-th draw of each
 * class, which is entry `q mod n` of pass `floor(q / n)` of that class's list of n images.
 * Classes without images are left out.
 */
export function classAwareSampler(lists: ClassLists, seed: number): Sampler {
  const { images, starts } = lists;
  const classes: number[] = [];
  for (let c = 0; c + 1 < starts.length; c++) if (starts[c + 1]! > starts[c]!) classes.push(c);
  const count = classes.length;
  const classOrder = cachedOrder();
  const imageOrders = new Map<number, PassOrder>();
  return {
    epochSize: images.length,
    at(position) {
      const pass = Math.floor(position / count);
      const order = classOrder(pass, () => permutation(count, new Random(seed, 'classes', pass)));
      const c = classes[order[position % count]!]!;
      const start = starts[c]!;
      const n = starts[c + 1]! - start;
      const imagePass = Math.floor(pass / n);
      let imageOrder = imageOrders.get(c);
      if (!imageOrder) {
        imageOrder = cachedOrder();
        imageOrders.set(c, imageOrder);
      }
      const entries = imageOrder(imagePass, () =>
        permutation(n, new Random(seed, 'images', c, imagePass)),
      );
      return images[start + entries[pass % n]!]!;
    },
  };
}

/** Every image once per epoch, in a new order each epoch. */
export function shuffleSampler(count: number, seed: number): Sampler {
  const cached = cachedOrder();
  return {
    epochSize: count,
    at(position) {
      const pass = Math.floor(position / count);
      const order = cached(pass, () => permutation(count, new Random(seed, 'shuffle', pass)));
      return order[position % count]!;
    },
  };
}

type PassOrder = (pass: number, make: () => Int32Array) => Int32Array;

/** Remembers the permutation of the pass that was asked for last. */
function cachedOrder(): PassOrder {
  let current = -1;
  let order: Int32Array = new Int32Array(0);
  return (pass, make) => {
    if (pass !== current) {
      order = make();
      current = pass;
    }
    return order;
  };
}
