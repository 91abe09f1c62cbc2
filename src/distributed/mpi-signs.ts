/** How far each rank is: what rank 0 says of those that do not come. */
import type { Handle, Mpi, Request } from './mpi-library.js';
import { CONTROL } from './mpi-protocol.js';

/** Milliseconds between two signs of life. */
const SIGN_EVERY = 1000;
/** The last sign of life of a rank that is done. */
const GONE = -1;

/** Each rank tells rank 0 once a second how far it is, so that it can say who is missing. */
export class Signs {
  readonly #mpi: Mpi;
  readonly #of: Handle;
  readonly #rank: number;
  readonly #numbers: Int32Array;
  readonly #began = performance.now();
  #last = performance.now();
  #sent: Request | null = null;
  readonly #message = new Int32Array(new SharedArrayBuffer(4));
  readonly #coming: { rank: number; value: Int32Array; request: Request }[] = [];

  /** @param numbers the control memory */
  constructor(mpi: Mpi, numbers: Int32Array) {
    this.#mpi = mpi;
    this.#numbers = numbers;
    this.#of = mpi.duplicate();
    this.#rank = mpi.rank();
    if (this.#rank !== 0) return;
    for (let rank = 1; rank < mpi.size(); rank++) {
      const value = new Int32Array(new SharedArrayBuffer(4));
      const request = mpi.request();
      mpi.receive(value, rank, this.#of, request);
      this.#coming.push({ rank, value, request });
    }
  }

  look(): void {
    const now = performance.now();
    if (now - this.#last < SIGN_EVERY) return;
    this.#last = now;
    if (this.#rank === 0) this.#receive();
    else if (!this.#sent || this.#mpi.test(this.#sent)) {
      this.#send(Atomics.load(this.#numbers, CONTROL.begun));
    }
  }

  /** All ranks call it. */
  close(): void {
    if (this.#rank === 0) {
      while (this.#coming.length > 0) {
        this.#receive();
        this.#rest();
      }
      return;
    }
    this.#finish();
    this.#send(GONE);
    this.#finish();
  }

  #send(value: number): void {
    this.#message[0] = value;
    this.#sent = this.#mpi.request();
    this.#mpi.send(this.#message, 0, this.#of, this.#sent);
  }

  #finish(): void {
    while (this.#sent && !this.#mpi.test(this.#sent)) {
      this.#rest();
    }
    this.#sent = null;
  }

  #receive(): void {
    for (const sign of [...this.#coming]) {
      const { rank, value, request } = sign;
      while (this.#mpi.test(request)) {
        Atomics.store(this.#numbers, CONTROL.ranks + 2 * rank, value[0]!);
        const seconds = Math.round((performance.now() - this.#began) / 1000);
        Atomics.store(this.#numbers, CONTROL.ranks + 2 * rank + 1, seconds);
        if (value[0] === GONE) {
          this.#coming.splice(this.#coming.indexOf(sign), 1);
          break;
        }
        this.#mpi.receive(value, rank, this.#of, request);
      }
    }
  }

  #rest(): void {
    Atomics.wait(this.#numbers, CONTROL.done, Atomics.load(this.#numbers, CONTROL.done), 1);
  }
}
