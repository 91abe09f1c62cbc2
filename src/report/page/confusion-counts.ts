import type { ValidationReport } from '../page-data.js';

/** How often each class was taken for each other one. */
export class Counts {
  private readonly counts = new Map<number, number>();

  constructor(private readonly report: ValidationReport) {
    for (const [label, predicted, count] of report.confusion) {
      this.counts.set(label * report.classes.length + predicted, count);
    }
  }

  of(label: number, predicted: number): number {
    return this.counts.get(label * this.report.classes.length + predicted) ?? 0;
  }
}
