/** Numbers of one layer over some batches; `[a][b]` by two losses, in their order. */
export interface SignalSums extends BatchSums {
  /** Inner products of the gradients' sums over the batches: of loss a with that of loss b. */
  readonly ofSums: Matrix;
}

/** The same of all batches, and of all but those of one group after another. */
export interface LayerSums {
  readonly all: SignalSums;
  readonly without: readonly SignalSums[];
}

type Matrix = readonly (readonly number[])[];

/** Sums over batches of what each has by itself. */
interface BatchSums {
  readonly batches: number;
  /** A batch's inner products: of the gradient of loss a with that of loss b. */
  readonly ofBatches: Matrix;
  /** A batch's cosines; not a number where a gradient is zero. */
  readonly cosines: Matrix;
  /** A batch's mean |gradient|, by loss. */
  readonly magnitudes: readonly number[];
}

interface Group {
  sums: BatchSums;
  /** By loss: the sum of its batches' gradients. */
  readonly vectors: readonly Float32Array[];
}

/**
 * Sums up the gradients of one layer by groups of batches. It keeps a gradient of each loss for every group, and one
 * more where groups have several batches, however many those are.
 */
export class SignalAccumulator {
  private readonly groups: Group[] = [];
  /** Of the batch that is going by, by loss. */
  private batch: readonly Float32Array[] | null = null;

  /**
   * @param size values of a gradient
   * @param losses how many
   * @param sizes batches of each group, in their order
   */
  constructor(
    private readonly size: number,
    private readonly losses: number,
    private readonly sizes: readonly number[],
  ) {}

  /** Adds to a part of the batch's gradient of a loss: the values from `offset` on. */
  add(loss: number, offset: number, values: Float32Array): void {
    this.batch ??= this.perLoss(() => new Float32Array(this.size));
    const sum = this.batch[loss]!;
    for (let i = 0; i < values.length; i++) sum[offset + i]! += values[i]!;
  }

  endBatch(): void {
    const { batch, groups } = this;
    if (!batch) throw new Error('a batch without a gradient');
    const sums = sumsOf(batch);
    const last = groups.at(-1);
    if (last && last.sums.batches < this.sizes[groups.length - 1]!) {
      last.sums = combine(last.sums, sums, 1);
      last.vectors.forEach((vector, a) => {
        addTo(vector, batch[a]!);
        batch[a]!.fill(0);
      });
    } else {
      groups.push({ sums, vectors: batch });
      this.batch = null;
    }
  }

  /** Of the batches until now. */
  sums(): LayerSums {
    const { groups } = this;
    const totals = this.perLoss((a) => {
      const total = new Float64Array(this.size);
      for (const { vectors } of groups) addTo(total, vectors[a]!);
      return total;
    });
    const ofTotals = products(totals, totals);
    const sums = groups.map((group) => group.sums).reduce((sum, one) => combine(sum, one, 1));
    const without = groups.map(({ sums: own, vectors }): SignalSums => {
      const [mixed, among] = [products(totals, vectors), products(vectors, vectors)];
      // <A - a, B - b>
      const ofSums = ofTotals.map((row, a) =>
        row.map((total, b) => total - mixed[a]![b]! - mixed[b]![a]! + among[a]![b]!),
      );
      return { ...combine(sums, own, -1), ofSums };
    });
    return { all: { ...sums, ofSums: ofTotals }, without };
  }

  private perLoss<T>(make: (loss: number) => T): T[] {
    return Array.from({ length: this.losses }, (_, loss) => make(loss));
  }
}

function sumsOf(gradients: readonly Float32Array[]): BatchSums {
  const ofBatches = products(gradients, gradients);
  const square = (a: number): number => ofBatches[a]![a]!;
  return {
    batches: 1,
    ofBatches,
    cosines: ofBatches.map((row, a) =>
      row.map((product, b) => product / Math.sqrt(square(a) * square(b))),
    ),
    magnitudes: gradients.map(meanAbsolute),
  };
}

/** `a + sign * b` */
function combine(a: BatchSums, b: BatchSums, sign: 1 | -1): BatchSums {
  const row = (x: readonly number[], y: readonly number[]): number[] =>
    x.map((value, i) => value + sign * y[i]!);
  const matrix = (x: Matrix, y: Matrix): Matrix => x.map((values, i) => row(values, y[i]!));
  return {
    batches: a.batches + sign * b.batches,
    ofBatches: matrix(a.ofBatches, b.ofBatches),
    cosines: matrix(a.cosines, b.cosines),
    magnitudes: row(a.magnitudes, b.magnitudes),
  };
}

type Vector = Float32Array | Float64Array;

const products = (x: readonly Vector[], y: readonly Vector[]): Matrix =>
  x.map((one) => y.map((other) => dot(one, other)));

function dot(x: Vector, y: Vector): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

function addTo(sum: Vector, values: Vector): void {
  for (let i = 0; i < values.length; i++) sum[i]! += values[i]!;
}

function meanAbsolute(values: Vector): number {
  let sum = 0;
  for (const value of values) sum += Math.abs(value);
  return sum / values.length;
}
