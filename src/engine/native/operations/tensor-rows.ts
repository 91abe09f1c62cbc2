import type { Rows, Tensor } from '../../engine.js';
import type { NativeTensor, Runtime } from '../runtime/runtime.js';

/** See `Engine.rows`; needs our own operations. */
export function rowsOf(runtime: Runtime, t: Tensor, [begin, end]: Rows): NativeTensor {
  const inputs = [runtime.writable(t), runtime.ints([begin, end])];
  return runtime.own(runtime.run('RelaybpRows', [], inputs), [end - begin, ...t.shape.slice(1)]);
}
