// Leaves so many KiB of the WebAssembly heap free, computes, and says whether the numbers are those of a free heap:
// "same", "different", or the error. A process of its own, as a kernel that traps breaks the heap.
// node full-heap.js KIB auto|direct (the form of the convolution)
import { startBackend } from '../../dist/engine/wasm/backend.js';
import { Heap } from '../../dist/engine/wasm/heap.js';
import { openWasmEngine } from '../../dist/engine/wasm/wasm-engine.js';
import { OutOfMemoryError } from '../../dist/errors.js';
import { Random } from '../../dist/random.js';

const room = 1024 * Number(process.argv[2]);
const engine = await openWasmEngine({ convolution: process.argv[3] });
const random = new Random(1, 'full heap');
const tensor = (...shape) => {
  const length = shape.reduce((a, b) => a * b);
  return engine.tensor(
    Float32Array.from({ length }, () => random.normal()),
    shape,
  );
};
const x = tensor(8, 32, 32, 16);
const bias = tensor(64);
const rows = tensor(300, 500);
const [filter, matrix] = [tensor(3, 3, 16, 64), tensor(500, 200)];
// Kernels keep work space by the identity of their weights: equal ones of their own for the second time.
const again = [filter, matrix].map((t) => engine.tensor(engine.read(t), t.shape));

function compute(filter, matrix) {
  const window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] };
  const conv = engine.conv(x, filter, bias, { window, relu: true });
  const signal = engine.convInputGradient(conv.saved, conv.y);
  const { weight, bias: sums } = engine.convParameterGradient(conv.saved, conv.y);
  const dense = engine.dense(rows, matrix, null, { relu: false });
  const input = engine.denseInputGradient(dense.saved, dense.y);
  const made = [conv.y, signal, weight, sums, dense.y, input];
  const bytes = made.map((t) => Buffer.from(engine.read(t).buffer).toString('base64')).join();
  for (const t of made) engine.dispose(t);
  for (const { saved } of [conv, dense]) engine.release(saved);
  return bytes;
}

const expected = compute(filter, matrix);
// The heap is filled up to its end with blocks that nothing touches, the small ones last; then those are given back.
const heap = new Heap(await startBackend());
const blocks = [];
for (const size of [2 ** 28, 2 ** 26, 2 ** 24, 2 ** 14, 256]) {
  for (let full = false; !full; ) {
    try {
      blocks.push(heap.alloc([size]));
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      full = true;
    }
  }
}
for (let given = 0; given < room; ) {
  const block = blocks.pop();
  given += 4 * block.shape[0];
  heap.free(block);
}
try {
  console.log(compute(...again) === expected ? 'same' : 'different');
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
}
