import type { ColumnNames } from '../data/index/list-row.js';
import type { ShardFiles } from '../data/index/shard-files.js';
import { CalibrationTally } from '../eval/calibration.js';
import { type ClassCounts, classMetrics, macroAverages } from '../eval/class-metrics.js';
import { SilentScores } from '../eval/silent-scores.js';
import { wilson } from '../eval/wilson.js';
import { keyWords, murmur3 } from '../hash.js';
import type { ClassResult, Gallery, GalleryImage, ValidationReport } from './page-data.js';
import type { ImageResult } from './results-file.js';

/** An image of a gallery, and where it is. */
export interface Picture {
  image: GalleryImage;
  /** Its file; of one in a tar or Parquet file, the path of that and how it is called in it. */
  file: string;
  /** Of such an image, once it is known to be one. */
  shard?: ShardPlace;
}

/** How an image in a tar or Parquet file is found. */
export interface ShardPlace {
  /** The shards that are indexed with it, as `data.train` or `data.val` names them; below `root`. */
  files: ShardFiles;
  root: string;
  columns?: ColumnNames;
  /** Which of them it is in. */
  path: string;
  /** How it is called there. */
  name: string;
}

/**
 * What the page shows of an evaluation: rates, classes, confusion, and images to look at (paper, Figures 3 and 4).
 *
 * @returns also the files of the galleries' images, which the page itself does not name
 */
export function validationReport(
  results: readonly ImageResult[],
  classes: readonly string[],
  about: { source: string; step: number | null; perGallery: number },
): { report: ValidationReport; pictures: Picture[] } {
  const perClass = classes.map(() => ({ images: 0, top1: 0, top5: 0, predicted: 0 }));
  const calibration = new CalibrationTally();
  const confusion = new Map<number, number>();
  for (const { label, rank, best } of results) {
    const counts = perClass[label]!;
    counts.images += 1;
    if (rank <= 1) counts.top1 += 1;
    if (rank <= 5) counts.top5 += 1;
    if (!best[0]) continue; // scores that are not numbers
    const [predicted, probability] = best[0];
    perClass[predicted]!.predicted += 1;
    calibration.add(probability, rank <= 1);
    const key = label * classes.length + predicted;
    confusion.set(key, (confusion.get(key) ?? 0) + 1);
  }
  const share = (hits: number): number =>
    results.length === 0 ? 0 : (100 * hits) / results.length;
  const pictures: Picture[] = [];
  const common = commonFolder(results);
  const show = ({ image: file, label, rank, best }: ImageResult): GalleryImage => {
    const image = { path: file.slice(common.length), picture: null, label, rank, best };
    pictures.push({ image, file });
    return image;
  };
  const report: ValidationReport = {
    source: about.source,
    step: about.step,
    images: results.length,
    top1: share(perClass.reduce((sum, { top1 }) => sum + top1, 0)),
    top5: share(perClass.reduce((sum, { top5 }) => sum + top5, 0)),
    classes: [...classes],
    perClass: perClass.map(classResult),
    macro: macroAverages(perClass.map(countsOf)),
    calibration: calibration.result(),
    notes: silentResults(results, classes.length),
    confusion: [...confusion].map(([key, count]) => {
      return [Math.floor(key / classes.length), key % classes.length, count];
    }),
    galleries: galleries(results, about.perGallery, show),
  };
  return { report, pictures };
}

/** What is counted of a class. */
interface Counted {
  images: number;
  top1: number;
  top5: number;
  /** Images of all classes that were taken for it. */
  predicted: number;
}

const countsOf = ({ images, top1, predicted }: Counted): ClassCounts => {
  return { images, right: top1, predicted };
};

/** Probabilities of a results file have six digits. */
const DIGIT = 1e-6;

/** What `SilentScores` says, as far as a results file has the scores: of each image the best ones. */
function silentResults(results: readonly ImageResult[], classes: number): string[] {
  const scores = new SilentScores();
  const row = new Float32Array(classes);
  for (const { best } of results) {
    const areEqual = best.every(([, probability]) => Math.abs(probability - 1 / classes) < DIGIT);
    row.fill(best.length === 0 ? Number.NaN : 0);
    if (best.length > 0 && !areEqual) for (const [label, p] of best) row[label] = p;
    scores.add(row);
  }
  return scores.notices();
}

function classResult(counts: Counted): ClassResult {
  const { images, top1, top5 } = counts;
  const [low, high] = wilson(top1, images);
  return {
    images,
    top1: images === 0 ? null : (100 * top1) / images,
    top5: images === 0 ? null : (100 * top5) / images,
    interval: [100 * low, 100 * high],
    ...classMetrics(countsOf(counts)),
  };
}

/** Samples of right and wrong images that do not favour any class, and the gravest mistakes. */
function galleries(
  results: readonly ImageResult[],
  size: number,
  show: (result: ImageResult) => GalleryImage,
): Gallery[] {
  const right = results.filter(({ rank }) => rank === 1);
  const wrong = results.filter(({ rank }) => rank > 1);
  const sure = [...wrong].sort((a, b) => (b.best[0]?.[1] ?? 0) - (a.best[0]?.[1] ?? 0));
  return [
    { title: 'right', images: classByClass(right).slice(0, size).map(show) },
    { title: 'wrong', images: classByClass(wrong).slice(0, size).map(show) },
    { title: 'surest mistakes', images: sure.slice(0, size).map(show) },
  ];
}

/** One image of every class, then the next of every class; within a class in an order that only the names decide. */
function classByClass(results: readonly ImageResult[]): ImageResult[] {
  const ordered = [...results]
    .map((result) => ({ result, key: murmur3(keyWords([result.image]), 0) }))
    .sort((a, b) => a.key - b.key);
  const taken = new Map<number, number>();
  return ordered
    .map(({ result, key }) => {
      const round = taken.get(result.label) ?? 0;
      taken.set(result.label, round + 1);
      return { result, round, key };
    })
    .sort((a, b) => a.round - b.round || a.result.label - b.result.label)
    .map(({ result }) => result);
}

/** What all paths begin with, up to a slash. */
function commonFolder(results: readonly ImageResult[]): string {
  const first = results[0]?.image ?? '';
  let length = first.lastIndexOf('/') + 1;
  for (const { image } of results) {
    let same = 0;
    while (same < length && image[same] === first[same]) same += 1;
    if (same < length) length = first.lastIndexOf('/', same - 1) + 1;
  }
  return first.slice(0, length);
}
