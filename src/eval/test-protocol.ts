import type { Preprocessing } from '../data/images/preprocessing.js';
import { ConfigError } from '../errors.js';
import { multiScale } from './multi-scale.js';
import type { Average, Protocol } from './protocol.js';
import { singleCrop } from './single-crop.js';
import { tenCrop } from './ten-crop.js';

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
  const { resizing, maxPixels } = preprocessing;
  return { ...inputsOf(options, preprocessing), resizing, maxPixels };
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
