import { type CsvNames, csvLine } from './csv.js';

/** How often images of each class are taken for each class. */
export class Confusion {
  private readonly counts = new Map<number, number>();

  constructor(private readonly classes: readonly string[]) {}

  add(label: number, predicted: number): void {
    const key = label * this.classes.length + predicted;
    this.counts.set(key, this.count(label, predicted) + 1);
  }

  count(label: number, predicted: number): number {
    return this.counts.get(label * this.classes.length + predicted) ?? 0;
  }

  /** `[label][predicted]` */
  matrix(): number[][] {
    return this.classes.map((_, label) => this.row(label));
  }

  /** A header of predicted classes, then one line per true class. */
  csv(names?: CsvNames): string {
    const lines = this.classes.map((name, label) => csvLine([name, ...this.row(label)], names));
    return csvLine(['label', ...this.classes], names) + lines.join('');
  }

  private row(label: number): number[] {
    return this.classes.map((_, predicted) => this.count(label, predicted));
  }
}
