/** What the processes of one training, its ranks, say to each other. */

/** Values in memory that the communication reads and writes in place, from `Communicator.memory`. */
export type SharedValues = Float32Array | Float64Array;

/** An operation under way. All ranks begin the same operations in the same order. */
export interface Operation {
  /** Whether it is over; never waits. */
  readonly done: boolean;
  /** @throws TrainingError naming the rank that has not come, after the time-out */
  wait(): Promise<void>;
}

export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /** Among the ranks of this machine. */
  readonly local: { readonly rank: number; readonly size: number };
  /** As messages name a rank: with its host. */
  name(rank: number): string;
  /** Milliseconds that operations have been waited for. */
  readonly waitedMs: number;
  /** Zeros, for operations that work in place. */
  memory(kind: 'float32' | 'float64', length: number): SharedValues;
  /**
   * Begins to replace the values by their sums over the ranks, which are the same everywhere. Ranks are added one after
   * another from the first to the last, so the bits depend neither on the library nor on how long the array is.
   *
   * @param values all of an array from `memory`; not to be touched until the operation is over
   */
  allReduce(values: SharedValues): Operation;
  /** What rank 0 gives; what others give does not count. */
  broadcast(bytes: Uint8Array): Promise<Uint8Array>;
  /** What each rank gives, on all ranks. */
  gather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Until all ranks are here. */
  barrier(): Promise<void>;
  /** Ends all ranks, this one included, with an exit code. */
  abort(code: number): Promise<never>;
  /** All ranks are done; nothing else may be called. */
  close(): Promise<void>;
}
