import { type CsvNames, csvLine } from '../csv.js';

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

  /** A header of predicted classes, then one line per true class; line by line, as they are many of many classes. */
  *csv(names?: CsvNames): Generator<Uint8Array> {
    yield Buffer.from(csvLine(['label', ...this.classes], names));
    for (const [label, name] of this.classes.entries()) {
      yield Buffer.from(csvLine([name, ...this.row(label)], names));
    }
  }

  private row(label: number): number[] {
    return this.classes.map((_, predicted) => this.count(label, predicted));
  }
}
