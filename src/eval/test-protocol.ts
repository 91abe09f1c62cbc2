import type { Kernel, Pixels, Preprocessing } from '../data/images/preprocessing.js';
import { ConfigError } from '../errors.js';
import { multiScale } from './multi-scale.js';
import { singleCrop } from './single-crop.js';
import { tenCrop } from './ten-crop.js';

/** One input of the network, `[height, width, 3]`. */
export interface Input {
  data: Float32Array;
  height: number;
  width: number;
}

/** How the scores of an image's inputs become one: the mean of softmax probabilities (paper, §4), or of logits. */
export type Average = 'softmax' | 'logits';

/** A test protocol: which inputs are made of an image. One file per protocol. */
export interface Protocol {
  readonly name: 'single-crop' | 'ten-crop' | 'multi-scale';
  /** Shorter sides that the image is resized to. */
  readonly sides: readonly number[];
  readonly flip: boolean;
  readonly average: Average;
  readonly kernel?: Kernel;
  /** Larger images count as undecodable. */
  readonly maxPixels?: number;
  /** Input sizes `[height, width]` that the network must be able to take, to find out before the first image. */
  readonly smallest: readonly (readonly [number, number])[];
  /** @param sizes the image at each of `sides` */
  inputs(sizes: readonly Pixels[]): Input[];
}

/** As the command line gives them. */
export interface ProtocolOptions {
  /** Shorter sides; `true` for the default ones. */
  multiscale?: readonly number[] | true;
  tenCrop?: boolean;
  flip?: boolean;
  average?: Average;
}

/** The paper's shorter sides (§4), for networks trained on 224x224 crops. */
const PAPER = { crop: 224, sides: [224, 256, 320, 384, 448] } as const;

/** The paper's shorter sides for another crop: in the same ratios to it, rounded. */
export function defaultScales(crop: number): number[] {
  return PAPER.sides.map((side) => Math.round((side * crop) / PAPER.crop));
}

/**
 * @param preprocessing of the network that is tested
 * @throws ConfigError where options exclude each other
 */
export function protocolOf(
  options: ProtocolOptions,
  preprocessing: Preprocessing & { crop: number },
): Protocol {
  return { ...inputsOf(options, preprocessing), maxPixels: preprocessing.maxPixels };
}

function inputsOf(
  options: ProtocolOptions,
  preprocessing: Preprocessing & { crop: number },
): Protocol {
  const { multiscale, tenCrop: ten, flip = false, average = 'softmax' } = options;
  if (multiscale && ten) {
    throw new ConfigError(
      '--multiscale and --ten-crop exclude each other: one tests the whole image, the other ten crops of it',
      'give one of them',
    );
  }
  if (ten && flip) {
    throw new ConfigError(
      '--flip with --ten-crop: the ten crops contain their mirror images',
      'leave out --flip',
    );
  }
  if (ten) return tenCrop(preprocessing, average);
  if (!multiscale) return singleCrop(preprocessing, flip, average);
  const scales = multiscale === true ? defaultScales(preprocessing.crop) : multiscale;
  return multiScale(preprocessing, scales, flip, average);
}

/** What reports and score files say about a protocol. */
export function describeProtocol({ name, sides, flip, average }: Protocol): {
  name: string;
  sides: number[];
  flip: boolean;
  average: Average;
} {
  return { name, sides: [...sides], flip, average };
}
