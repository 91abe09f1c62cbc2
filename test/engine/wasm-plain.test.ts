/** The portable engine where WebAssembly has no SIMD instructions. A process has one backend, and each test file one process. */
import { env } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { openWasmEngine } from '../../src/engine/wasm/wasm-engine.js';
import { engineSuite } from './suite.js';

env().set('WASM_HAS_SIMD_SUPPORT', false);
engineSuite('wasm without SIMD', openWasmEngine);

test('it says so', async () => {
  const { trials } = await openWasmEngine();
  expect(trials).toMatchObject([{ what: expect.stringContaining('SIMD'), type: 'float32' }]);
  expect(trials![0]!.problem).toContain('there are none');
});
