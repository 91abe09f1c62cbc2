/**
 * The thread that owns MPI: it alone calls the library. Nothing of MPI moves unless it is called, so while operations are
 * under way this thread calls now and then, also while the training's own thread is inside the engine.
 */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { RelaybpError } from '../errors.js';
import { type Mpi, openMpiLibrary } from './mpi-library.js';
import { type Memory, Operations } from './mpi-operations.js';
import {
  CONTROL,
  type FromThread,
  type ThreadSetup,
  type ToThread,
  valuesOn,
} from './mpi-protocol.js';
import { Signs } from './mpi-signs.js';

/** Milliseconds between looks: while the training waits, after it has waited for long, while it computes, without work. */
const LOOK = { waiting: 0.05, longWaiting: 1, computing: 0.5, idle: 100 };
/** Milliseconds of waiting until it is long. */
const LONG = 20;
/** For each rank, of the first sum: enough for each way of sending. */
const FIRST_VALUES = 2 ** 16;
const { candidates, control, port } = workerData as ThreadSetup;
const numbers = new Int32Array(control);

try {
  run(openMpiLibrary(candidates));
} catch (error) {
  const failure: FromThread =
    error instanceof RelaybpError
      ? { say: 'failed', lines: error.lines, hint: error.hint }
      : { say: 'failed', lines: [error instanceof Error ? (error.stack ?? '') : String(error)] };
  port.postMessage(failure);
  Atomics.store(numbers, CONTROL.failed, 1);
  Atomics.add(numbers, CONTROL.done, 0);
  Atomics.notify(numbers, CONTROL.done);
}
port.close();

function run(mpi: Mpi): void {
  mpi.init();
  const operations = new Operations(mpi);
  const signs = new Signs(mpi, numbers);
  connect(operations, mpi.size());
  port.postMessage({
    say: 'ready',
    rank: mpi.rank(),
    size: mpi.size(),
    path: mpi.path,
    version: mpi.version,
  } satisfies FromThread);
  Atomics.notify(numbers, CONTROL.done);
  const memories = new Map<number, Memory>();
  let waitsSince = 0;
  for (;;) {
    const wake = Atomics.load(numbers, CONTROL.wake);
    for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
      const message = got.message as ToThread;
      if (message.do === 'close') {
        signs.close();
        mpi.finalize();
        return;
      }
      if (message.do === 'abort') mpi.abort(message.code);
      else if (message.do === 'memory') {
        const values = valuesOn(message.kind, message.buffer);
        memories.set(message.id, { kind: message.kind, values });
      } else if (message.do === 'forget') memories.delete(message.id);
      else operations.begin({ what: message.do, memory: memories.get(message.id)! });
    }
    signs.look();
    const over = operations.progress();
    if (over > 0) {
      Atomics.add(numbers, CONTROL.done, over);
      Atomics.notify(numbers, CONTROL.done);
    }
    const waiting = Atomics.load(numbers, CONTROL.waiting) !== 0;
    if (!waiting || over > 0) waitsSince = performance.now();
    Atomics.wait(numbers, CONTROL.wake, wake, pause(operations.idle, waiting, waitsSince));
  }
}

/** What libraries do at the first messages only, while the training's thread still stands still. */
function connect(operations: Operations, size: number): void {
  const values = new Float32Array(new SharedArrayBuffer(4 * FIRST_VALUES * size));
  operations.begin({ what: 'sum', memory: { kind: 'float32', values } });
  while (!operations.idle) operations.progress();
}

/** Milliseconds until the next look. */
function pause(idle: boolean, waiting: boolean, since: number): number {
  if (idle) return LOOK.idle;
  if (!waiting) return LOOK.computing;
  return performance.now() - since > LONG ? LOOK.longWaiting : LOOK.waiting;
}
