/** What the thread that owns MPI and the one that trains tell each other. */

/** Where each number stands in the control memory, which both threads see. */
export const CONTROL = {
  /** Changes with every message to the thread of MPI. */
  wake: 0,
  /** Operations that are over, in the order in which they were begun. */
  done: 1,
  /** 1 while the training waits: then nothing is lost by looking often. */
  waiting: 2,
  /** Operations that the training has begun. */
  begun: 3,
  /** 1 once the thread of MPI has ended by an error, which is then its last message. */
  failed: 4,
  /** Of rank r at `ranks + 2 r` what it has begun, by what it said last, and when that came, in seconds since the start. */
  ranks: 8,
} as const;

export const controlLength = (size: number): number => CONTROL.ranks + 2 * size;

export type ValueKind = 'float32' | 'float64' | 'byte';

/** Memory that operations work on; it is told of once. */
export interface MemoryNote {
  readonly do: 'memory';
  readonly id: number;
  readonly kind: ValueKind;
  readonly buffer: SharedArrayBuffer;
}

export type ToThread =
  | MemoryNote
  | { readonly do: 'sum' | 'broadcast' | 'gather'; readonly id: number }
  /** The memory is needed no more. */
  | { readonly do: 'forget'; readonly id: number }
  | { readonly do: 'abort'; readonly code: number }
  | { readonly do: 'close' };

export type FromThread =
  | {
      readonly say: 'ready';
      readonly rank: number;
      readonly size: number;
      readonly path: string;
      readonly version: string;
    }
  | { readonly say: 'failed'; readonly lines: readonly string[]; readonly hint?: string };

export interface ThreadSetup {
  readonly candidates: readonly string[];
  readonly control: SharedArrayBuffer;
  readonly port: MessagePort;
}

type MessagePort = import('node:worker_threads').MessagePort;

/** The first values of shared memory; all without a length. */
export function valuesOn(
  kind: ValueKind,
  buffer: SharedArrayBuffer,
  length?: number,
): Float32Array | Float64Array | Uint8Array {
  switch (kind) {
    case 'float32':
      return new Float32Array(buffer, 0, length);
    case 'float64':
      return new Float64Array(buffer, 0, length);
    case 'byte':
      return new Uint8Array(buffer, 0, length);
  }
}
