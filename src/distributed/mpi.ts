/** Ranks that a launcher of MPI has started. */
import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import { compiled } from '../compiled.js';
import { EngineError, TrainingError } from '../errors.js';
import type { Communicator, Operation, SharedValues } from './communicator.js';
import type { Launched } from './launcher.js';
import { libraryCandidates } from './libraries.js';
import {
  CONTROL,
  controlLength,
  type FromThread,
  type ThreadSetup,
  type ToThread,
  type ValueKind,
} from './mpi-protocol.js';

/** Milliseconds that this thread waits without letting anything else in. */
const SLICE = 20;
/** The same while the library starts. */
const STARTING_SLICE = 2000;
/** Seconds that other ranks give rank 0 beyond the time-out to say who is missing. */
const GRACE = 5;
/** Seconds without a sign of life, of which there is one a second, after which a process stands still. */
const SILENT = 5;
/** Seconds until all processes have found each other. */
const START_TIMEOUT = 120;

/** What is known of the library in use. */
export interface MpiInfo {
  readonly path: string;
  readonly version: string;
}

export interface MpiOptions {
  /** Seconds that a rank waits for others. */
  readonly timeout: number;
}

/**
 * Opens the library that fits the launcher.
 *
 * @throws EngineError if there is none, or if it says another number of ranks than the launcher: then processes would
 *   train alone, each as if there were no other
 */
export async function openMpi(launched: Launched, options: MpiOptions): Promise<MpiCommunicator> {
  quietUcx();
  const communicator = new MpiCommunicator(launched, options);
  await communicator.start();
  return communicator;
}

/**
 * UCX, by which most libraries of MPI talk, tries whether it learns of memory that goes by moving the end of the heap up
 * and down again: a thread that takes memory just then loses it. It does without where it is told to; whoever has a
 * network that gains by it may say otherwise.
 */
function quietUcx(): void {
  process.env.UCX_MEM_EVENTS ??= 'n';
}

export class MpiCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly local: Launched['local'];
  /** By rank; known once it is started. */
  hosts: readonly string[] = [];
  info: MpiInfo = { path: '', version: '' };
  waitedMs = 0;
  readonly #numbers: Int32Array;
  readonly #port: MessagePort;
  readonly #worker: Worker;
  readonly #timeout: number;
  readonly #began = performance.now();
  /** By the memory of an array. */
  readonly #ids = new WeakMap<ArrayBufferLike, number>();
  #nextId = 1;
  #begun = 0;
  #failure: Error | null = null;

  constructor(launched: Launched, { timeout }: MpiOptions) {
    this.rank = launched.rank;
    this.size = launched.size;
    this.local = launched.local;
    this.#timeout = timeout;
    const control = new SharedArrayBuffer(4 * controlLength(launched.size));
    this.#numbers = new Int32Array(control);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const setup: ThreadSetup = { candidates: libraryCandidates(launched), control, port: port2 };
    this.#worker = new Worker(compiled('distributed/mpi-thread.js'), {
      workerData: setup,
      transferList: [port2],
      name: 'relaybp-mpi',
      execArgv: [],
    });
    this.#worker.on('error', (error) => {
      this.#failure ??= new EngineError(`the thread of MPI has ended: ${error.message}`);
    });
    this.#port.unref();
    this.#worker.unref(); // what waits keeps the process alive; one that ends by an error is not held up
  }

  /**
   * Until the library says who this is. While it starts, some libraries change the code of `mmap` and its kin, by which
   * they learn of memory that goes; a thread that is inside of these then may crash. So this one stands still.
   */
  async start(): Promise<void> {
    const until = performance.now() + 1000 * START_TIMEOUT;
    for (;;) {
      const message = this.#message();
      if (message?.say === 'ready') {
        const { rank, size, path, version } = message;
        this.info = { path, version };
        this.#check(rank, size);
        break;
      }
      if (this.#failure) throw this.#failure;
      if (performance.now() > until) {
        throw new EngineError(
          `rank ${this.rank} of ${this.size} on ${hostname()} has not found the others within ${START_TIMEOUT} s`,
          'the launcher starts the same program on all hosts; firewalls between them must let it through',
        );
      }
      Atomics.wait(this.#numbers, CONTROL.done, 0, STARTING_SLICE);
      await setImmediate(); // lets signals in
    }
    const names = await this.gather(Buffer.from(hostname()));
    this.hosts = names.map((name) => Buffer.from(name).toString('utf8'));
  }

  memory(kind: 'float32' | 'float64', length: number): SharedValues {
    const { buffer } = this.#memory(kind, length);
    return kind === 'float32'
      ? new Float32Array(buffer, 0, length)
      : new Float64Array(buffer, 0, length);
  }

  allReduce(values: SharedValues): Operation {
    const id = this.#ids.get(values.buffer);
    if (id === undefined) throw new Error('these values are not from memory()');
    return this.#begin({ do: 'sum', id });
  }

  async broadcast(bytes: Uint8Array): Promise<Uint8Array> {
    const length = this.memory('float64', 1);
    length[0] = this.rank === 0 ? bytes.length : 0;
    await this.allReduce(length).wait();
    const { id, buffer } = this.#memory('byte', length[0]!);
    const all = new Uint8Array(buffer, 0, length[0]);
    if (this.rank === 0) all.set(bytes);
    await this.#begin({ do: 'broadcast', id }).wait();
    this.#tell({ do: 'forget', id });
    return Uint8Array.from(all);
  }

  async gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    const lengths = this.memory('float64', this.size);
    lengths[this.rank] = bytes.length;
    await this.allReduce(lengths).wait();
    const longest = Math.max(1, ...lengths);
    const { id, buffer } = this.#memory('byte', longest * this.size);
    const all = new Uint8Array(buffer);
    all.set(bytes, this.rank * longest);
    await this.#begin({ do: 'gather', id }).wait();
    this.#tell({ do: 'forget', id });
    return Array.from({ length: this.size }, (_, rank) =>
      Uint8Array.from(all.subarray(rank * longest, rank * longest + lengths[rank]!)),
    );
  }

  async barrier(): Promise<void> {
    await this.allReduce(this.memory('float64', 1)).wait();
  }

  async abort(code: number): Promise<never> {
    this.#tell({ do: 'abort', code });
    // The library ends the process; where it does not, the launcher sees the exit code.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    process.exit(code);
  }

  async close(): Promise<void> {
    await this.barrier();
    this.#worker.ref();
    this.#tell({ do: 'close' });
    await new Promise((resolve) => this.#worker.once('exit', resolve));
  }

  #memory(kind: ValueKind, length: number): { id: number; buffer: SharedArrayBuffer } {
    const bytes = { float32: 4, float64: 8, byte: 1 }[kind];
    const padded = Math.max(1, Math.ceil(length / this.size)) * this.size; // parts of equal size
    const buffer = new SharedArrayBuffer(padded * bytes);
    const id = this.#nextId++;
    this.#ids.set(buffer, id);
    this.#tell({ do: 'memory', id, kind, buffer });
    return { id, buffer };
  }

  #begin(message: ToThread): Operation {
    this.#begun += 1;
    Atomics.store(this.#numbers, CONTROL.begun, this.#begun);
    this.#tell(message);
    const number = this.#begun;
    const done = (): boolean => Atomics.load(this.#numbers, CONTROL.done) >= number;
    return {
      get done() {
        return done();
      },
      wait: () => this.#wait(done),
    };
  }

  #tell(message: ToThread): void {
    this.#port.postMessage(message);
    Atomics.add(this.#numbers, CONTROL.wake, 1);
    Atomics.notify(this.#numbers, CONTROL.wake);
  }

  async #wait(done: () => boolean): Promise<void> {
    if (done()) return;
    const start = performance.now();
    const numbers = this.#numbers;
    const limit = 1000 * (this.#timeout + (this.rank === 0 ? 0 : GRACE));
    Atomics.store(numbers, CONTROL.waiting, 1);
    Atomics.add(numbers, CONTROL.wake, 1); // it is asleep for a computing training's time
    Atomics.notify(numbers, CONTROL.wake);
    try {
      while (!done()) {
        const before = Atomics.load(numbers, CONTROL.done);
        if (done()) return;
        if (Atomics.load(numbers, CONTROL.failed) !== 0) {
          this.#message();
          throw this.#failure ?? new EngineError('the thread of MPI has ended');
        }
        if (Atomics.wait(numbers, CONTROL.done, before, SLICE) === 'timed-out') {
          await setImmediate(); // lets signals in
          if (performance.now() - start > limit) throw this.#late();
        }
      }
    } finally {
      Atomics.store(numbers, CONTROL.waiting, 0);
      this.waitedMs += performance.now() - start;
    }
  }

  /** Who has kept the others waiting. */
  #late(): TrainingError {
    const seconds = Math.round((performance.now() - this.#began) / 1000);
    const missing =
      this.rank !== 0
        ? [`${this.name(0)} does not answer`]
        : Array.from({ length: this.size - 1 }, (_, i) => i + 1).flatMap((rank) => {
            const begun = Atomics.load(this.#numbers, CONTROL.ranks + 2 * rank);
            const silent = seconds - Atomics.load(this.#numbers, CONTROL.ranks + 2 * rank + 1);
            if (silent > SILENT) return [`${this.name(rank)} has given no sign for ${silent} s`];
            return begun < this.#begun ? [`${this.name(rank)} does not get there`] : [];
          });
    const who = missing.length > 0 ? missing.join(', ') : 'all ranks are here, but MPI is not done';
    return new TrainingError(
      `${this.name(this.rank)} has waited ${this.#timeout} s for other ranks: ${who}`,
      'a longer time is given by --rank-timeout SECONDS; --resume goes on from the last checkpoint',
    );
  }

  /** As messages name a rank. */
  name(rank: number): string {
    const host = this.hosts[rank];
    return host === undefined ? `rank ${rank}` : `rank ${rank} on ${host}`;
  }

  #check(rank: number, size: number): void {
    if (rank === this.rank && size === this.size) return;
    throw new EngineError(
      `the launcher says rank ${this.rank} of ${this.size}, but ${this.info.version} (${this.info.path}) says rank ${rank} of ${size}: the launcher is of another MPI`,
      'use mpirun and libmpi of one installation, or name the library: RELAYBP_MPI=/path/of/libmpi.so',
    );
  }

  #message(): FromThread | null {
    const got = receiveMessageOnPort(this.#port);
    const message = (got?.message as FromThread | undefined) ?? null;
    if (message?.say === 'failed') this.#failure = new EngineError(message.lines, message.hint);
    return message;
  }
}
