import type { AugmentationType } from './augmentation-type.js';
import { colorJitter } from './color-jitter.js';
import { randomErasing } from './random-erasing.js';
import { resizedCrop } from './resized-crop.js';

/** Every way to vary a single image but flip and colour shift, by its key in configs, in the order in which they run. */
export const augmentations = {
  resizedCrop,
  colorJitter,
  randomErasing,
};

type Augmentations = typeof augmentations;
type GivenOf<Type> = Type extends AugmentationType<infer Given, infer _> ? Given : never;
type RuleOf<Type> = Type extends AugmentationType<infer _, infer Rule> ? Rule : never;

/** What a config says of each. */
export type AugmentationsGiven = { [Key in keyof Augmentations]?: GivenOf<Augmentations[Key]> };

/** What is run of each; none where it is missing or null. */
export type AugmentationRules = {
  [Key in keyof Augmentations]?: RuleOf<Augmentations[Key]> | null;
};

const all = Object.entries(augmentations) as [
  keyof Augmentations,
  AugmentationType<object, object>,
][];

/** Those that are asked for, in their order, each with what it is given. */
export function chosen<Part extends object>(
  given: { readonly [Key in keyof Augmentations]?: Part | null },
): { name: string; type: AugmentationType<object, object>; options: Part }[] {
  return all.flatMap(([name, type]) => {
    const options = given[name];
    return options ? [{ name, type, options }] : [];
  });
}
