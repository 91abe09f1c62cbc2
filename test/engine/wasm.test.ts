import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../src/engine/wasm/backend.js';
import { filterGradient, inputGradient } from '../../src/engine/wasm/convolution-gradients.js';
import { Heap } from '../../src/engine/wasm/heap.js';
import { openWasmEngine } from '../../src/engine/wasm/wasm-engine.js';
import { Context, expectCloseValues } from './suite/context.js';
import { engineSuite } from './suite.js';

engineSuite('wasm', openWasmEngine);

describe('engine wasm, its own', () => {
  let heap: Heap;

  beforeAll(async () => {
    heap = new Heap(await startBackend());
  });

  test('gradients in parts of the batch equal those of the whole batch', async () => {
    const context = new Context(await openWasmEngine());
    const shapes = { x: [5, 7, 8, 3], filter: [3, 2, 3, 4], dz: [5, 4, 4, 4] };
    const blocks = Object.values(shapes).map((shape) => {
      return heap.copy(context.random(shape.reduce((a, b) => a * b)), shape);
    });
    const [x, filter, dz] = blocks as [(typeof blocks)[0], (typeof blocks)[0], (typeof blocks)[0]];
    const facts = {
      x,
      filter,
      y: shapes.dz,
      bias: false,
      window: { kernel: [3, 2], stride: [2, 2], padding: [1, 1, 0, 0] },
    } as const;
    for (const gradient of [filterGradient, inputGradient])
      for (const perImage of [4 * 4 * 4, 4 * 4 * 18]) {
        const whole = gradient(heap, facts, dz);
        const parts = gradient(heap, facts, dz, 2 * perImage);
        expectCloseValues(heap.values(parts), heap.values(whole).slice());
        heap.free(whole);
        heap.free(parts);
      }
    for (const block of blocks) heap.free(block);
    expect(heap.live).toBe(0);
  });

  test('a tensor larger than the heap is an EngineError with a hint, and costs nothing', async () => {
    const engine = await openWasmEngine();
    expect(() => engine.zeros([1 << 15, 1 << 15])).toThrow(
      'wasm engine: no memory left for a tensor of shape [32768, 32768]',
    );
    expect(engine.tensorCount()).toBe(0);
  });

  test('the same values serve as weights under two shapes', async () => {
    // The matrix kernel keeps packed weights by the identity of their memory alone.
    const engine = await openWasmEngine();
    const context = new Context(engine);
    const weight = context.tensor([2, 2], [1, 2, 3, 4]);
    const row = context.own(engine.reshape(weight, [1, 4]));
    const x = context.tensor([1, 2], [1, 1]);
    const two = context.tensor([1, 1], [2]);
    const a = context.ownForward(engine.dense(x, weight, null, { relu: false }));
    const b = context.ownForward(engine.dense(two, row, null, { relu: false }));
    expect([...engine.read(a.y)]).toEqual([4, 6]);
    expect([...engine.read(b.y)]).toEqual([2, 4, 6, 8]);
    context.giveUp();
  });

  test('two engines of one process count their own tensors', async () => {
    const [a, b] = [await openWasmEngine(), await openWasmEngine()];
    const t = a.zeros([2]);
    expect([a.tensorCount(), b.tensorCount()]).toEqual([1, 0]);
    a.dispose(t);
  });
});
