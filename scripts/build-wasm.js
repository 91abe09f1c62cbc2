// Assembles what is written in WebAssembly's text format: each of these src/*.wat into dist/*.wasm.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const NAMES = ['data/images/resample', 'data/images/pillow-resample', 'engine/wasm/winograd'];

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const { parseWat } = await wabt();
for (const name of NAMES) {
  const source = path(`src/${name}.wat`);
  const target = path(`dist/${name}.wasm`);
  const parsed = parseWat(source, readFileSync(source, 'utf8'), { simd: true });
  try {
    parsed.resolveNames();
    parsed.validate();
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
}
