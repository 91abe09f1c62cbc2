/** The portable engine where WebAssembly has no SIMD instructions. A process has one backend, and each test file one process. */
import { env } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { openWasmEngine } from '../../src/engine/wasm/wasm-engine.js';
import { engineSuite } from './suite.js';

env().set('WASM_HAS_SIMD_SUPPORT', false);
engineSuite('wasm without SIMD', openWasmEngine);

test("no convolution takes Winograd's form, whose kernels need them", async () => {
  const engine = await openWasmEngine();
  const window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] } as const;
  expect(engine.takesWinograd?.(window, 64, [1, 8, 8, 64])).toBe(false);
});

test('it says so', async () => {
  const { trials } = await openWasmEngine();
  expect(trials).toMatchObject([{ what: expect.stringContaining('SIMD'), type: 'float32' }]);
  expect(trials![0]!.problem).toContain('there are none');
});
