/** The operations under way in the thread that owns MPI. */
import type { Handle, Mpi, Request } from './mpi-library.js';
import { type ValueKind, valuesOn } from './mpi-protocol.js';

type Values = Float32Array | Float64Array | Uint8Array;

export interface Memory {
  readonly kind: ValueKind;
  readonly values: Values;
}

export interface Begun {
  readonly what: 'sum' | 'broadcast' | 'gather';
  readonly memory: Memory;
}

/** An operation between its first call and its end. */
interface Active extends Begun {
  /** 0: not begun; 1, 2: its calls; 3: over. */
  stage: 0 | 1 | 2 | 3;
  readonly request: Request;
  scratch: SharedArrayBuffer | null;
}

/** So many are begun before the first of them is over. */
const MOST_ACTIVE = 4;
/** Sums up to this size, over all ranks, are made of one call: all gather all. */
const SMALL_BYTES = 64 * 1024;

/**
 * Operations one after another, several under way at once. Calls of one kind go through one communicator, in the order of
 * the operations, on all ranks: which of them is over first does not count.
 *
 * A sum is made of two calls: each rank receives its part of all ranks' values, adds them up in the order of the ranks,
 * and gives the sum to all. That moves as much as any all-reduce, and the bits do not depend on the library.
 */
export class Operations {
  readonly #mpi: Mpi;
  readonly #size: number;
  readonly #rank: number;
  readonly #first: Handle;
  readonly #second: Handle;
  readonly #active: Active[] = [];
  readonly #free: SharedArrayBuffer[] = [];

  constructor(mpi: Mpi) {
    this.#mpi = mpi;
    this.#size = mpi.size();
    this.#rank = mpi.rank();
    this.#first = mpi.duplicate();
    this.#second = mpi.duplicate();
  }

  get idle(): boolean {
    return this.#active.length === 0;
  }

  begin(begun: Begun): void {
    this.#active.push({ ...begun, stage: 0, request: this.#mpi.request(), scratch: null });
  }

  /** Lets all go on. @returns how many operations are over that were not before, from the first on */
  progress(): number {
    let before = 3; // the stage of the operation before: the second calls begin in the order of the operations
    for (const operation of this.#active.slice(0, MOST_ACTIVE)) {
      if (operation.stage === 0) this.#begin(operation);
      else if (operation.stage < 3) this.#goOn(operation, before >= 2);
      before = Math.min(before, operation.stage);
    }
    const over = this.#active.findIndex(({ stage }) => stage < 3);
    const count = over < 0 ? this.#active.length : over;
    this.#active.splice(0, count);
    return count;
  }

  #begin(operation: Active): void {
    const { what, memory, request } = operation;
    const { kind, values } = memory;
    const type = this.#mpi.types[kind];
    const part = values.length / this.#size;
    operation.stage = 1;
    if (what === 'broadcast') {
      this.#mpi.broadcast(values, values.length, type, this.#first, request);
    } else if (what === 'gather') {
      this.#mpi.allGather(values, part, type, this.#first, request);
    } else if (this.#isSmall(values)) {
      operation.scratch = this.#take(values.byteLength * this.#size);
      const all = this.#view(operation, this.#size * values.length);
      all.set(values, this.#rank * values.length);
      this.#mpi.allGather(all, values.length, type, this.#first, request);
    } else {
      operation.scratch = this.#take(values.byteLength);
      const received = this.#view(operation, values.length);
      this.#mpi.allToAll(values, received, part, type, this.#first, request);
    }
  }

  /** @param free whether the second call of this one would be the next */
  #goOn(operation: Active, free: boolean): void {
    const { what, memory, request, stage } = operation;
    const { values, kind } = memory;
    const two = what === 'sum' && !this.#isSmall(values);
    if (two && stage === 1 && !free) return; // its first call goes on with the others, and is asked when its turn has come
    if (!this.#mpi.test(request)) return;
    if (what === 'sum' && stage === 1) {
      const count = two ? values.length / this.#size : values.length;
      const parts = this.#view(operation, count * this.#size);
      const own = two ? part(values, this.#rank, count) : values;
      own.set(part(parts, 0, count));
      const type = this.#mpi.types[kind];
      for (let rank = 1; rank < this.#size; rank++) {
        this.#mpi.add(part(parts, rank, count), own, count, type);
      }
      this.#free.push(operation.scratch!);
      operation.scratch = null;
      if (two) {
        this.#mpi.allGather(values, count, type, this.#second, request);
        operation.stage = 2;
        return;
      }
    }
    operation.stage = 3;
  }

  #isSmall(values: Values): boolean {
    return values.byteLength * this.#size <= SMALL_BYTES;
  }

  #view({ scratch, memory }: Active, length: number): Values {
    return valuesOn(memory.kind, scratch!, length);
  }

  /** Memory of at least so many bytes. */
  #take(bytes: number): SharedArrayBuffer {
    const at = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    if (at >= 0) return this.#free.splice(at, 1)[0]!;
    return new SharedArrayBuffer(bytes);
  }
}

function part(values: Values, at: number, count: number): Values {
  return values.subarray(at * count, (at + 1) * count);
}
