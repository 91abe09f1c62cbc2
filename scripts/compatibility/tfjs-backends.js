/**
 * What the backends of TensorFlow.js make of single operations: the rows of docs/compatibility-runtimes.md about it.
 *
 *     node scripts/compatibility/tfjs-backends.js
 *
 * `cpu` and `wasm` run in Node; `webgl` and `webgpu` in headless Chromium (`apt-get install chromium`, or `CHROMIUM`
 * names one), which draws in software. What cannot start is left out. Fails if one says something else than is
 * written here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const VERSION = '4.22.0';
const require = createRequire(import.meta.url);

/** Each `operation(tf)` gives a tensor; its text is what goes into the browser. */
const OPERATIONS = {
  'max pool of NaN 1 2 3': (tf) => tf.maxPool(tf.tensor4d([NaN, 1, 2, 3], [1, 2, 2, 1]), 2, 2, 0),
  'max pool of 1 NaN 2 3': (tf) => tf.maxPool(tf.tensor4d([1, NaN, 2, 3], [1, 2, 2, 1]), 2, 2, 0),
  'ReLU of NaN': (tf) => tf.relu(tf.tensor1d([NaN])),
  'ReLU6 of NaN': (tf) => tf.relu6(tf.tensor1d([NaN])),
  'matrix product and ReLU, fused, of NaN': (tf) =>
    tf.fused.matMul({ a: tf.tensor2d([[NaN]]), b: tf.tensor2d([[1]]), activation: 'relu' }),
  'convolution and ReLU, fused, of NaN': (tf) =>
    tf.fused.conv2d({
      x: tf.tensor4d([NaN], [1, 1, 1, 1]),
      filter: tf.tensor4d([1], [1, 1, 1, 1]),
      strides: 1,
      pad: 0,
      activation: 'relu',
    }),
  'softmax of 1 NaN 3': (tf) => tf.softmax(tf.tensor2d([[1, NaN, 3]])),
  'largest of 1 NaN 3': (tf) => tf.max(tf.tensor1d([1, NaN, 3])),
  'argmax of 1 NaN 3': (tf) => tf.argMax(tf.tensor1d([1, NaN, 3])),
  'argmax of 10 equal scores': (tf) => tf.argMax(tf.ones([10])),
  'top-5 of 10 equal scores': (tf) => tf.topk(tf.ones([10]), 5).indices,
  'top-5 of 1000 equal scores': (tf) => tf.topk(tf.ones([1000]), 5).indices,
  'top-1 of 1 NaN 3': (tf) => tf.topk(tf.tensor1d([1, NaN, 3]), 1).indices,
  'mean of 65,536 times 0.1': (tf) => tf.mean(tf.fill([65536], 0.1)),
  'mean of 1,000,000 times 0.1': (tf) => tf.mean(tf.fill([1000000], 0.1)),
  'average pool of 512x512 times 0.1': (tf) =>
    tf.avgPool(tf.fill([1, 512, 512, 1], 0.1), 512, 1, 0),
  '0 / 0': (tf) => tf.div(tf.tensor1d([0]), tf.tensor1d([0])),
  'Infinity / Infinity': (tf) => tf.div(tf.tensor1d([Infinity]), tf.tensor1d([Infinity])),
};

/** What each says, in the order of `BACKENDS`. */
const WANTED = {
  'max pool of NaN 1 2 3': ['3', '-Infinity', '3', 'NaN'],
  'max pool of 1 NaN 2 3': ['3', '3', '3', 'NaN'],
  'ReLU of NaN': ['NaN', 'NaN', 'NaN', 'NaN'],
  'ReLU6 of NaN': ['NaN', '0', 'NaN', '0'],
  'matrix product and ReLU, fused, of NaN': ['NaN', '0', 'NaN', 'NaN'],
  'convolution and ReLU, fused, of NaN': ['NaN', '0', 'NaN', 'NaN'],
  'softmax of 1 NaN 3': ['NaN NaN NaN', 'NaN NaN NaN', 'NaN NaN NaN', '0 NaN 0'],
  'largest of 1 NaN 3': ['NaN', 'NaN', 'NaN', 'NaN'],
  'argmax of 1 NaN 3': ['2', '2', '2', '2'],
  'argmax of 10 equal scores': ['0', '0', '0', '0'],
  'top-5 of 10 equal scores': ['0 1 2 3 4', '0 1 2 3 4', '0 1 2 3 4', '0 1 2 3 4'],
  'top-5 of 1000 equal scores': ['0 1 2 3 4', '0 1 2 3 4', '0 1 2 3 4', '0 1 2 3 4'],
  'top-1 of 1 NaN 3': ['2', '2', '2', '2'],
  'mean of 65,536 times 0.1': ['0.1', '0.10006', '0.1', '0.1'],
  'mean of 1,000,000 times 0.1': ['0.1', '0.10096', '0.1', '0.1'],
  'average pool of 512x512 times 0.1': ['0.1', '0.09997', '0.10006', '0.099999'],
  '0 / 0': ['NaN', 'NaN', '1', 'NaN'],
  'Infinity / Infinity': ['NaN', 'NaN', '1', 'NaN'],
};

const text = (values) =>
  [...values]
    .map((value) => (Object.is(value, -0) ? '-0' : `${Number(value.toPrecision(5))}`))
    .join(' ');

async function inNode(backend) {
  const tf = require('@tensorflow/tfjs');
  if (backend === 'wasm') {
    const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'))}/dist/`);
  }
  await tf.setBackend(backend);
  await tf.ready();
  const found = {};
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    found[name] = text(await operation(tf).data());
  }
  return found;
}

const script = (file) => readFileSync(require.resolve(file), 'utf8');

async function inChromium(backends) {
  const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium'].find(
    (path) => path && existsSync(path),
  );
  if (!executablePath) return {};
  const { chromium } = require('playwright-core');
  const args = [
    '--no-sandbox',
    '--enable-unsafe-swiftshader',
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
  ];
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage();
    // WebGPU wants a page of a safe origin.
    await page.route('**/*', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }),
    );
    await page.goto('http://localhost/');
    for (const file of [
      '@tensorflow/tfjs/dist/tf.min.js',
      '@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js',
    ]) {
      await page.addScriptTag({ content: script(file) });
    }
    const operations = Object.entries(OPERATIONS).map(
      ([name, of]) => `${JSON.stringify(name)}: ${of}`,
    );
    await page.addScriptTag({ content: `globalThis.operations = {${operations.join(',')}};` });
    const results = {};
    for (const backend of backends) {
      const values = await page.evaluate(async (backend) => {
        const { tf, operations } = globalThis;
        const started = await tf.setBackend(backend).catch(() => false);
        if (!started || tf.getBackend() !== backend) return null;
        const found = [];
        for (const [name, operation] of Object.entries(operations)) {
          found.push([name, [...(await operation(tf).data())].map(String)]);
        }
        return found;
      }, backend);
      if (values)
        results[backend] = Object.fromEntries(
          values.map(([name, all]) => [name, text(all.map(Number))]),
        );
    }
    console.log(`Chromium ${browser.version()}`);
    return results;
  } finally {
    await browser.close();
  }
}

const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu'];
const found = {
  cpu: await inNode('cpu'),
  wasm: await inNode('wasm'),
  ...(await inChromium(['webgl', 'webgpu'])),
};
console.log(`TensorFlow.js ${VERSION}`);
let changed = 0;
for (const name of Object.keys(OPERATIONS)) {
  for (const [i, backend] of BACKENDS.entries()) {
    const value = found[backend]?.[name] ?? 'cannot start here';
    const wanted = WANTED[name]?.[i];
    const differs = found[backend] && value !== wanted;
    if (differs) changed++;
    console.log(
      `${name.padEnd(40)} ${backend.padEnd(7)} ${value}${differs ? `   CHANGED: was ${wanted}` : ''}`,
    );
  }
}
console.log(changed ? `CHANGED: ${changed}` : 'all as described');
process.exit(changed ? 1 : 0);
