/**
 * Samplers: in which order the images are drawn.
 *
 * A sampler is a pure function from a position (0, 1, 2, … over the whole run) to an image. Its
 * permutations derive from the seed, the list and the pass, so the only state to save in a
 * checkpoint is the position. Current permutations are cached, at most one per list, so that
 * going through the positions in order costs constant time each; memory is 4 bytes per image.
 * Formulas and sources: docs/data.md.
 */

import { permutation, Random } from '../../random.js';
import { type ClassLists, classLists } from '../index/class-lists.js';
import type { ImageIndex } from '../index/image-index.js';
import { powerPlan, progressivePlan, repeatFactorPlan } from './class-shares.js';
import { type EpochSize, epochSize } from './epoch-size.js';
import { filledClasses, passSampler } from './pass-sampler.js';

/** What a sampler is made from; plain data that a worker can receive. */
export type SamplerSpec = SamplerRule & {
  /** Not used by 'sequential'. */
  seed: number;
  /** Default: the number of images. Not used by 'sequential' and 'repeat-factor'. */
  epochSize?: EpochSize;
};

export type SamplerRule =
  | {
      kind: 'class-aware';
      /** Images drawn at each draw of a class; default 1. */
      samplesPerClass?: number;
    }
  | { kind: 'shuffle' | 'sequential' }
  | { kind: 'power' /** Exponent of the class sizes, 0 to 1. */; q: number }
  | { kind: 'progressive' /** Draws until all classes are drawn equally often. */; over: number }
  | {
      kind: 'repeat-factor';
      /** Share of the images below which the images of a class are repeated. */
      threshold: number;
    };

export interface Sampler {
  /** Positions that count as one epoch. */
  readonly epochSize: number;
  /** Image index at a position, an integer ≥ 0. The same at any time and in any order of calls. */
  at(position: number): number;
}

/** @param lists of the index's labels, if the caller has them already */
export function createSampler(spec: SamplerSpec, index: ImageIndex, lists?: ClassLists): Sampler {
  const { seed } = spec;
  const size = epochSize(spec, index);
  const grouped = (): ClassLists => lists ?? classLists(index.labels, index.classes.length);
  switch (spec.kind) {
    case 'class-aware':
      return { epochSize: size, at: classAware(grouped(), seed, spec.samplesPerClass) };
    case 'shuffle':
      return { epochSize: size, at: shuffled(index.count, seed) };
    case 'sequential':
      return { epochSize: size, at: (position) => position % index.count };
    case 'power': {
      const own = grouped();
      return { epochSize: size, ...passSampler(own, seed, powerPlan(own, seed, spec.q)) };
    }
    case 'progressive': {
      const own = grouped();
      return { epochSize: size, ...passSampler(own, seed, progressivePlan(own, seed, spec.over)) };
    }
    case 'repeat-factor': {
      const own = grouped();
      const plan = repeatFactorPlan(own, seed, spec.threshold);
      return { epochSize: size, ...passSampler(own, seed, plan) };
    }
  }
}

type At = Sampler['at'];

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
function classAware(lists: ClassLists, seed: number, samplesPerClass = 1): At {
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

/** Every image once per pass over all, in a new order each time. */
function shuffled(count: number, seed: number): At {
  const cached = cachedOrder();
  return (position) => {
    const pass = Math.floor(position / count);
    const order = cached(pass, () => permutation(count, new Random(seed, 'shuffle', pass)));
    return order[position % count]!;
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
