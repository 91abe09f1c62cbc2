import { quantile, type Survey } from './survey.js';

/** Sizes for which there is a network (src/init/ready-networks.ts). */
export type Side = 32 | 64 | 112 | 224;

/** What the config will say, from what the data are like. */
export interface Choices {
  crop: Side;
  resize: number;
  batchSize: number;
  epochs: number;
  lr: number;
  warmup: string;
  /** Epochs between evaluations and checkpoints. */
  every: number;
}

const SIDES: readonly { crop: Side; resize: number; images: number }[] = [
  { crop: 224, resize: 256, images: 20_000 },
  { crop: 112, resize: 128, images: 0 },
  { crop: 64, resize: 72, images: 0 },
  { crop: 32, resize: 36, images: 0 },
];
/** An image may be enlarged by so much. */
const ENLARGED = 1.15;
/** Of the sample, at most a quarter is enlarged by more. */
const SMALL_SHARE = 0.25;

/** Fewer steps than this do not train a network, however few the images. */
const FEWEST_STEPS = 1000;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [30, 100];
/** Of SGD with batch normalization, for a batch of 64; in proportion for others. Measured on configs/scenes-small-relay.yaml. */
const LR_OF_64 = 0.05;

export function choose({ images, shorterSides }: Survey): Choices {
  const shorter = quantile(shorterSides, SMALL_SHARE);
  const fits = SIDES.filter((side) => images >= side.images);
  const { crop, resize } =
    fits.find((side) => side.resize <= ENLARGED * shorter) ?? SIDES[SIDES.length - 1]!;
  const batchSize = batchFor(images);
  const stepsPerEpoch = Math.ceil(images / batchSize);
  const wanted = Math.ceil(FEWEST_STEPS / stepsPerEpoch);
  const epochs = Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, wanted));
  return {
    crop,
    resize,
    batchSize,
    epochs,
    lr: Number(((LR_OF_64 * batchSize) / 64).toPrecision(3)),
    warmup: stepsPerEpoch * epochs >= 2000 ? '500 steps' : '100 steps',
    every: Math.max(1, Math.round(epochs / 12)),
  };
}

/** 64; 32 where that would be few steps an epoch; never more than half of the images. */
function batchFor(images: number): number {
  const usual = images < 2000 ? 32 : 64;
  const half = 2 ** Math.floor(Math.log2(Math.max(2, images / 2)));
  return Math.min(usual, half);
}
