import type { z } from 'zod';
import type { ClassLists } from '../index/class-lists.js';

/**
 * All that relaybp knows about a sampler: what a config says of it, in which order it draws, and how long its epoch is.
 * One file per sampler; `samplers` lists them, and everything else looks up there.
 *
 * `Given` is what a config says, `Rule` what the sampler is made from: plain data that a thread can receive.
 */
export interface SamplerType<Given extends Kind, Rule extends Kind> {
  /** What its name alone means in a config, without a mapping; such a sampler needs no numbers of its own. */
  readonly named?: string;
  /** What a config says in a mapping. Threads that load images do without zod, so it is handed in. */
  schema?(parts: SchemaParts): z.ZodType<Given>;
  /**
   * Without it: what the config says.
   *
   * @param draws how many draws a duration has; of the whole training where there is none
   */
  rule?(given: Given, draws: (duration?: string | number) => number): Rule;
  /** Draws of one epoch; without it `epochSize` of the config says so. */
  epochSize?(rule: Rule, images: ClassSizes): number;
  at(rule: Rule, images: SampledImages): At;
  /** How many images of one class come one after another; 1 without it. */
  inARow?(given: Given): number;
  /** Whether what is drawn depends on how long the training is. */
  dependsOnLength?(given: Given): boolean;
}

interface Kind {
  readonly kind: string;
}

/** Image index at a position, an integer ≥ 0. The same at any time and in any order of calls. */
export type At = (position: number) => number;

/**
 * A number of draws; 'images': as many as there are images; 'longest-class': the classes that have images times the
 * images of the largest, so that under balanced sampling every image is drawn at least once.
 */
export type EpochSize = number | 'images' | 'longest-class';

/** What a mapping may say of the length of an epoch. */
export interface WithEpochSize {
  epochSize: EpochSize;
}

/** How many images there are. */
export interface ClassSizes {
  readonly count: number;
  /** Of each class that has images. */
  sizes(): Int32Array;
}

/** From what is drawn. */
export interface SampledImages {
  readonly seed: number;
  readonly count: number;
  /** The images of each class. */
  lists(): ClassLists;
}

/** What schemas of samplers are put together from. */
export interface SchemaParts {
  readonly z: typeof z;
  kind<T extends string>(value: T, what: string): z.ZodLiteral<T>;
  readonly epochSize: z.ZodType<EpochSize>;
  /** Of a training or a part of one. */
  readonly duration: z.ZodType<string | number>;
}
