import type { LossConfig } from '../config/experiment-schema.js';
import type { LoadedConfig } from '../config/load.js';
import { classCounts, type ImageIndex } from '../data/index/image-index.js';
import { oneForm } from '../data/index/unicode-forms.js';
import { asMapping } from '../data/sampling/table.js';
import { ConfigError } from '../errors.js';
import { nearest } from '../near.js';

/** Of each loss that weighs its images by their classes: the weights, `[classes]`. */
export type ClassWeights = ReadonlyMap<string, Float64Array>;

/** Samplers that draw every image equally often, so that classes come as often as they have images. */
const BY_IMAGES = ['shuffle', 'sequential'];

/** @throws ConfigError if a loss balances classes that the sampler balances already */
export function checkClassWeights({
  config,
  locate,
}: Pick<LoadedConfig, 'config' | 'locate'>): void {
  const { kind } = asMapping(config.data.sampler);
  const at = config.losses.findIndex(({ classWeights }) => classWeights === 'balanced');
  if (at < 0 || BY_IMAGES.includes(kind)) return;
  const path = ['losses', at, 'classWeights'];
  throw new ConfigError(
    `${locate(path)}: losses[${at}].classWeights: balanced weighs classes by their numbers of images, but data.sampler ${kind} (${locate(['data', 'sampler'])}) already draws small classes more often: they would count twice over`,
    'set data.sampler: shuffle, or leave classWeights out; or give a weight for each class yourself',
  );
}

/**
 * The weights that the losses ask for.
 *
 * `balanced` is `images / (classes * images of the class)`, over the classes that have images: their mean over the images
 * is 1. Classes that are not named weigh 1.
 *
 * @param images for training
 * @throws ConfigError naming a class that the images do not have
 */
export function classWeightsOf(
  { config, locate }: Pick<LoadedConfig, 'config' | 'locate'>,
  images: ImageIndex,
): ClassWeights {
  const weights = new Map<string, Float64Array>();
  for (const [i, { name, classWeights }] of config.losses.entries()) {
    if (classWeights === undefined) continue;
    const path = ['losses', i, 'classWeights'];
    weights.set(
      name,
      classWeights === 'balanced'
        ? balanced(images)
        : given(classWeights, images.classes, (key) => {
            return `${locate([...path, key])}: losses[${i}].classWeights`;
          }),
    );
  }
  return weights;
}

function balanced(images: ImageIndex): Float64Array {
  const counts = classCounts(images);
  const filled = counts.filter((count) => count > 0).length;
  return Float64Array.from(counts, (count) => (count > 0 ? images.count / (filled * count) : 1));
}

type Given = Exclude<LossConfig['classWeights'], 'balanced' | undefined>;

function given(
  weights: Given,
  classes: readonly string[],
  where: (key: string) => string,
): Float64Array {
  const at = new Map(classes.map((name, i) => [oneForm(name), i]));
  const all = new Float64Array(classes.length).fill(1);
  for (const [key, weight] of Object.entries(weights)) {
    const found = at.get(oneForm(key));
    if (found === undefined) {
      const near = nearest(key, classes);
      throw new ConfigError(
        `${where(key)}: the training images have no class ${JSON.stringify(key)}${near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`}`,
        'classes go by the names that relaybp data stats shows; those that are not named weigh 1',
      );
    }
    all[found] = weight;
  }
  return all;
}

/** For people, a line for each loss: `class weights of primary: balanced, 0.4 (airfield) to 2.5 (zoo)`. */
export function describeClassWeights(
  weights: ClassWeights,
  losses: readonly LossConfig[],
  classes: readonly string[],
): string[] {
  return [...weights].map(([loss, values]) => {
    const how = losses.find(({ name }) => name === loss)!.classWeights;
    const end = (value: number): string =>
      `${Number(value.toPrecision(3))} (${classes[values.indexOf(value)]})`;
    return `class weights of ${loss}: ${how === 'balanced' ? 'balanced, ' : ''}${end(Math.min(...values))} to ${end(Math.max(...values))}`;
  });
}
