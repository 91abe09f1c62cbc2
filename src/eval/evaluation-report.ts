import { type CsvNames, csvLine } from '../csv.js';
import { Confusion } from './confusion.js';
import { bestClasses } from './results.js';
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
}

/** Percentages over the images that count. */
export interface Report extends ReturnType<TopK['result']> {
  /** 95 % intervals of the errors (Wilson). */
  top1_err_interval: [number, number];
  top5_err_interval: [number, number];
  perClass: ClassReport[];
}

/** Gathers the report of an evaluation image by image. */
export class EvaluationTally {
  private readonly top = new TopK();
  private readonly images: Int32Array;
  private readonly hits1: Int32Array;
  private readonly hits5: Int32Array;
  readonly confusion: Confusion;

  constructor(private readonly classes: readonly string[]) {
    this.images = new Int32Array(classes.length);
    this.hits1 = new Int32Array(classes.length);
    this.hits5 = new Int32Array(classes.length);
    this.confusion = new Confusion(classes);
  }

  /** @param row log-probabilities `[classes]` */
  add(row: Float32Array, label: number): void {
    const rank = rankOf(row, label);
    this.top.add(row, Int32Array.of(label));
    this.images[label]! += 1;
    if (rank < 1) this.hits1[label]! += 1;
    if (rank < 5) this.hits5[label]! += 1;
    const [best] = bestClasses(row, this.classes, 1);
    if (!Number.isNaN(best!.probability)) this.confusion.add(label, best!.label);
  }

  report(): Report {
    const total = (counts: Int32Array): number => counts.reduce((sum, count) => sum + count, 0);
    const result = this.top.result();
    return {
      ...result,
      top1_err_interval: percent(result.images - total(this.hits1), result.images),
      top5_err_interval: percent(result.images - total(this.hits5), result.images),
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
    };
  }
}

/** One line per class of the report. */
export function perClassCsv(report: Report, names?: CsvNames): string {
  const header = ['class', 'images', 'top1', 'top5', 'top1_low', 'top1_high'];
  const lines = report.perClass.map((each) => {
    const shares = [each.top1, each.top5, ...each.top1_interval];
    const cells = shares.map((share) => share?.toFixed(4) ?? '');
    return csvLine([each.class, each.images, ...cells], names);
  });
  return csvLine(header) + lines.join('');
}

const percent = (hits: number, n: number): [number, number] => {
  const [low, high] = wilson(hits, n);
  return [100 * low, 100 * high];
};
