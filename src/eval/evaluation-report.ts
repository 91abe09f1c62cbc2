import { type CsvNames, csvLine } from '../csv.js';
import { type Calibration, CalibrationTally } from './calibration.js';
import {
  type ClassCounts,
  type ClassMetrics,
  classMetrics,
  macroAverages,
} from './class-metrics.js';
import { Confusion } from './confusion.js';
import { bestClasses } from './results.js';
import { SilentScores } from './silent-scores.js';
import { rankOf, TopK } from './topk.js';
import { wilson } from './wilson.js';

/** Percentages over the images of one class; null where it has none. */
export interface ClassReport {
  class: string;
  images: number;
  top1: number | null;
  top5: number | null;
  /** 95 % interval of `top1` (Wilson). */
  top1_interval: [number, number];
  /** Null where no image was taken for it. */
  precision: number | null;
  recall: number | null;
  f1: number | null;
}

/** Percentages over the images that count. */
export interface Report extends ReturnType<TopK['result']> {
  /** 95 % intervals of the errors (Wilson). */
  top1_err_interval: [number, number];
  top5_err_interval: [number, number];
  /** Means over the classes that have images. */
  macro: ClassMetrics;
  calibration: Calibration;
  perClass: ClassReport[];
}

/** Gathers the report of an evaluation image by image. */
export class EvaluationTally {
  private readonly top = new TopK();
  private readonly images: Int32Array;
  private readonly hits1: Int32Array;
  private readonly hits5: Int32Array;
  private readonly predicted: Int32Array;
  private readonly calibration = new CalibrationTally();
  private readonly silent = new SilentScores();
  readonly confusion: Confusion;

  constructor(private readonly classes: readonly string[]) {
    this.images = new Int32Array(classes.length);
    this.hits1 = new Int32Array(classes.length);
    this.hits5 = new Int32Array(classes.length);
    this.predicted = new Int32Array(classes.length);
    this.confusion = new Confusion(classes);
  }

  /** @param row log-probabilities `[classes]` */
  add(row: Float32Array, label: number): void {
    const rank = rankOf(row, label);
    this.top.add(row, Int32Array.of(label));
    this.images[label]! += 1;
    if (rank < 1) this.hits1[label]! += 1;
    if (rank < 5) this.hits5[label]! += 1;
    this.silent.add(row);
    const [best] = bestClasses(row, this.classes, 1);
    if (!best) return;
    this.predicted[best.label]! += 1;
    this.confusion.add(label, best.label);
    this.calibration.add(best.probability, rank < 1);
  }

  /** What a reader of the report has to know of the scores. */
  notices(): string[] {
    return this.silent.notices();
  }

  report(): Report {
    const total = (counts: Int32Array): number => counts.reduce((sum, count) => sum + count, 0);
    const result = this.top.result();
    return {
      ...result,
      top1_err_interval: percent(result.images - total(this.hits1), result.images),
      top5_err_interval: percent(result.images - total(this.hits5), result.images),
      macro: macroAverages(this.classes.map((_, i) => this.countsOf(i))),
      calibration: this.calibration.result(),
      perClass: this.classes.map((name, i) => this.ofClass(name, i)),
    };
  }

  private ofClass(name: string, i: number): ClassReport {
    const images = this.images[i]!;
    const share = (hits: number): number | null => (images === 0 ? null : (100 * hits) / images);
    return {
      class: name,
      images,
      top1: share(this.hits1[i]!),
      top5: share(this.hits5[i]!),
      top1_interval: percent(this.hits1[i]!, images),
      ...classMetrics(this.countsOf(i)),
    };
  }

  private countsOf(i: number): ClassCounts {
    return { images: this.images[i]!, right: this.hits1[i]!, predicted: this.predicted[i]! };
  }
}

/** One line per class of the report. */
export function perClassCsv(report: Report, names?: CsvNames): string {
  const header = ['class', 'images', 'top1', 'top5', 'top1_low', 'top1_high', 'precision', 'f1'];
  const lines = report.perClass.map((each) => {
    const shares = [each.top1, each.top5, ...each.top1_interval, each.precision, each.f1];
    const cells = shares.map((share) => share?.toFixed(4) ?? '');
    return csvLine([each.class, each.images, ...cells], names);
  });
  return csvLine(header) + lines.join('');
}

const percent = (hits: number, n: number): [number, number] => {
  const [low, high] = wilson(hits, n);
  return [100 * low, 100 * high];
};
