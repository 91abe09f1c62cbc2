// Assembles what is written in WebAssembly's text format: src/data/images/resample.wat into dist/data/images/resample.wasm.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const { parseWat } = await wabt();
const source = path('src/data/images/resample.wat');
const target = path('dist/data/images/resample.wasm');
const parsed = parseWat(source, readFileSync(source, 'utf8'), { simd: true });
try {
  parsed.resolveNames();
  parsed.validate();
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, parsed.toBinary({}).buffer);
} finally {
  parsed.destroy();
}
