import type { Communicator, Operation } from './communicator.js';

const DONE: Operation = { done: true, wait: async () => {} };

/** One process alone: all is said as soon as it is asked for. */
export const single: Communicator = {
  rank: 0,
  size: 1,
  local: { rank: 0, size: 1 },
  name: () => 'rank 0',
  waitedMs: 0,
  memory: (kind, length) =>
    kind === 'float32' ? new Float32Array(length) : new Float64Array(length),
  allReduce: () => DONE,
  broadcast: async (bytes) => bytes,
  gather: async (bytes) => [bytes],
  barrier: async () => {},
  abort: async (code) => process.exit(code),
  close: async () => {},
};
