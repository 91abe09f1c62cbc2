#!/usr/bin/env bash
# TensorFlow.js 4.22.0, webgl: 0 / 0 is 1, and so is Infinity / Infinity; in a network NaN comes and goes by backend.
#
# The shader of webgl's division begins with "if (a == b) return 1". On the cpu, wasm and webgpu backends both are NaN,
# as IEEE 754 has it. So a mean over nothing, or a vector of zeros divided by its norm, is 1 on webgl, and a training
# that has diverged to infinities may look sound there.
#
# Needs Chromium (apt-get install chromium, or CHROMIUM names one); without a graphics card it draws in software.
# Fails if that changes.
set -euo pipefail
export CHROMIUM=${CHROMIUM:-$(command -v chromium)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs@4.22.0 playwright-core@1.65.1
cat > try.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
const args = ['--no-sandbox', '--enable-unsafe-swiftshader'];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
const page = await browser.newPage();
await page.addScriptTag({ content: readFileSync('node_modules/@tensorflow/tfjs/dist/tf.min.js', 'utf8') });
const on = (backend) =>
  page.evaluate(async (backend) => {
    const { tf } = globalThis;
    await tf.setBackend(backend);
    const y = tf.div(tf.tensor1d([0, Infinity, -Infinity]), tf.tensor1d([0, Infinity, -Infinity]));
    return [tf.getBackend(), [...(await y.data())].join(' ')];
  }, backend);
const found = Object.fromEntries([await on('cpu'), await on('webgl')]);
console.log(`TensorFlow.js 4.22.0, Chromium ${browser.version()}`);
for (const [backend, values] of Object.entries(found)) {
  console.log(`${backend}: 0/0, Infinity/Infinity, -Infinity/-Infinity = ${values}`);
}
await browser.close();
const asDescribed = found.cpu === 'NaN NaN NaN' && found.webgl === '1 1 1';
console.log(asDescribed ? 'as described' : 'CHANGED');
process.exit(asDescribed ? 0 : 1);
JS
node try.mjs
