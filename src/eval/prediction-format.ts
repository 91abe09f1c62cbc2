import { type CsvNames, csvLine } from '../csv.js';
import { isInteger } from '../data/index/name-order.js';
import { visible, visibleJson } from '../visible.js';
import type { Prediction } from './results.js';

export const PREDICTION_FORMATS = ['text', 'json', 'csv', 'ilsvrc'] as const;
export type PredictionFormat = (typeof PREDICTION_FORMATS)[number];

/** An image's best classes, best first, or why there are none. */
export interface ImagePredictions {
  image: string;
  best: readonly Prediction[];
  /** Why the file could not be decoded, else null. */
  reason: string | null;
}

/** How predictions are printed, piece by piece, fit for a terminal: `begin`, one `image` after another, `end`. */
export interface PredictionWriter {
  begin(): string;
  image(predictions: ImagePredictions): string;
  end(): string;
}

/** @param k classes per image; @param classes all names; @param names in CSV */
export function predictionWriter(
  format: PredictionFormat,
  k: number,
  classes: readonly string[],
  names?: CsvNames,
): PredictionWriter {
  switch (format) {
    case 'text':
      return { begin: () => '', image: textLine, end: () => '' };
    case 'csv':
      return { begin: () => csvHeader(k), image: (each) => csvRow(each, names), end: () => '' };
    case 'ilsvrc':
      return { begin: () => '', image: ilsvrcLines(k, classes), end: () => '' };
    case 'json':
      return jsonArray();
  }
}

function textLine({ image, best, reason }: ImagePredictions): string {
  const parts = best.map((one) => `${one.class} ${(100 * one.probability).toFixed(1)} %`);
  const what = reason === null ? parts.join(', ') : `cannot be decoded: ${reason}`;
  return `${visible(`${image}  ${what}`)}\n`;
}

function csvHeader(k: number): string {
  const ranks = Array.from({ length: k }, (_, i) => [`class${i + 1}`, `probability${i + 1}`]);
  return csvLine(['image', ...ranks.flat()]);
}

/** Only the image where it could not be decoded. */
function csvRow({ image, best }: ImagePredictions, names?: CsvNames): string {
  const cells = best.flatMap((one) => [one.class, one.probability.toFixed(6)]);
  return csvLine([image, ...cells], names);
}

/**
 * The submission format of ILSVRC's classification task: on each line the numbers of one image's classes, best first. A
 * class that has a number for its name is written by that, where all have; else they are counted from 1 in the order of
 * the class list. What no class is, 0 or else −1, keeps the place of an undecodable image and is never right.
 */
function ilsvrcLines(
  k: number,
  classes: readonly string[],
): (predictions: ImagePredictions) => string {
  const named = classes.every(isInteger);
  const numbers = classes.map((name, label) => (named ? BigInt(name) : BigInt(label + 1)));
  let none = 0n;
  while (numbers.includes(none)) none--;
  return ({ best, reason }) => {
    const line = reason === null ? best.map(({ label }) => numbers[label]!) : Array(k).fill(none);
    return `${line.join(' ')}\n`;
  };
}

/** One array, one image a line. */
function jsonArray(): PredictionWriter {
  let separator = '';
  return {
    begin: () => '[\n',
    image: ({ image, best, reason }) => {
      const object = reason === null ? { image, predictions: best } : { image, error: reason };
      const text = separator + visibleJson(object);
      separator = ',\n';
      return text;
    },
    end: () => '\n]\n',
  };
}
