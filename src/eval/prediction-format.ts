import { csvLine, type Prediction } from './results.js';

export const PREDICTION_FORMATS = ['text', 'json', 'csv', 'ilsvrc'] as const;
export type PredictionFormat = (typeof PREDICTION_FORMATS)[number];

/** An image's best classes, best first, or why there are none. */
export interface ImagePredictions {
  image: string;
  best: readonly Prediction[];
  /** Why the file could not be decoded, else null. */
  reason: string | null;
}

/** How predictions are printed, piece by piece: `begin`, one `image` after another, `end`. */
export interface PredictionWriter {
  begin(): string;
  image(predictions: ImagePredictions): string;
  end(): string;
}

/** @param k classes per image */
export function predictionWriter(format: PredictionFormat, k: number): PredictionWriter {
  switch (format) {
    case 'text':
      return { begin: () => '', image: textLine, end: () => '' };
    case 'csv':
      return { begin: () => csvHeader(k), image: csvRow, end: () => '' };
    case 'ilsvrc':
      return { begin: () => '', image: (each) => ilsvrcLine(each, k), end: () => '' };
    case 'json':
      return jsonArray();
  }
}

function textLine({ image, best, reason }: ImagePredictions): string {
  if (reason !== null) return `${image}  cannot be decoded: ${reason}\n`;
  const parts = best.map((one) => `${one.class} ${(100 * one.probability).toFixed(1)} %`);
  return `${image}  ${parts.join(', ')}\n`;
}

function csvHeader(k: number): string {
  const ranks = Array.from({ length: k }, (_, i) => [`class${i + 1}`, `probability${i + 1}`]);
  return csvLine(['image', ...ranks.flat()]);
}

/** Only the image where it could not be decoded. */
function csvRow({ image, best }: ImagePredictions): string {
  return csvLine([image, ...best.flatMap((one) => [one.class, one.probability.toFixed(6)])]);
}

/**
 * The submission format of ILSVRC's classification task: on each line the labels of one image, best first, counted
 * from 1 in the order of the class list. Zeros, which are never right, keep the place of an undecodable image.
 */
function ilsvrcLine({ best, reason }: ImagePredictions, k: number): string {
  const labels = reason === null ? best.map(({ label }) => label + 1) : Array<number>(k).fill(0);
  return `${labels.join(' ')}\n`;
}

/** One array, one image a line. */
function jsonArray(): PredictionWriter {
  let separator = '';
  return {
    begin: () => '[\n',
    image: ({ image, best, reason }) => {
      const object = reason === null ? { image, predictions: best } : { image, error: reason };
      const text = separator + JSON.stringify(object);
      separator = ',\n';
      return text;
    },
    end: () => '\n]\n',
  };
}
