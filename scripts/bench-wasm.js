/**
 * The wasm engine against TensorFlow.js itself, interleaved in one process. See docs/benchmarks.md.
 *
 * - data gradient: of each convolution of the network but the first, against the wasm backend's own kernel
 *   Conv2DBackpropInput;
 * - step: a training step of the network against one with `variableGrads` on tfjs's cpu backend.
 *
 *     node scripts/bench-wasm.js [--json]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import '@tensorflow/tfjs'; // its cpu backend, and the gradients of all operations
import * as tf from '@tensorflow/tfjs-core';
import { median } from './bench/interleave.js';
import { benchmark, columns, count, note } from './bench/options.js';
import { padding, TfjsNetwork } from './bench/tfjs-network.js';

const CLI = fileURLToPath(new URL('../bin/relaybp.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('../configs/demo-emoji.yaml', import.meta.url));

const USAGE = `usage: node scripts/bench-wasm.js [options]
  --config FILE    (default: configs/demo-emoji.yaml)
  --rounds N       (default: 5)
  --set KEY=VALUE  override a key of the config (repeatable)
  --json           one line of JSON per comparison instead of a table`;

const { values: args } = parseArgs({
  options: {
    config: { type: 'string', default: CONFIG },
    rounds: { type: 'string', default: '5' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Largest relative difference to what tfjs computes that is rounding. */
const TOLERANCE = 1e-4;

/**
 * Rounds of one and the other; who begins alternates.
 *
 * @param {string} what
 * @param {() => unknown} ours
 * @param {() => unknown} theirs
 * @param {number} repeats in a round
 */
async function rounds(what, ours, theirs, repeats) {
  const pair = [ours, theirs];
  for (const work of pair) await work();
  const measured = [];
  for (let round = 0; round < count(args.rounds, '--rounds'); round++) {
    const ms = [0, 0];
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const start = performance.now();
      for (let n = 0; n < repeats; n++) await pair[i]();
      ms[i] = (performance.now() - start) / repeats;
    }
    measured.push(ms);
  }
  const ratios = measured.map(([a, b]) => b / a);
  return {
    what,
    relaybp_ms: median(measured.map(([a]) => a)),
    tfjs_ms: median(measured.map(([, b]) => b)),
    ratio: median(ratios),
    ratio_min: Math.min(...ratios),
    ratio_max: Math.max(...ratios),
    rounds: measured.length,
  };
}

/**
 * @param {any} engine
 * @param {any} layer of the plan: a convolution
 * @param {number} batch
 */
async function dataGradient(engine, layer, batch) {
  await tf.setBackend('wasm');
  const random = (/** @type {number} */ n) =>
    Float32Array.from({ length: n }, () => Math.random() - 0.5);
  const volume = (/** @type {number[]} */ shape) => shape.reduce((a, b) => a * b, 1);
  const [xShape, dyShape] = [layer.input, layer.output].map((shape) => [batch, ...shape]);
  const filterShape = layer.parameters[0].shape;
  const [signal, weights] = [random(volume(dyShape)), random(volume(filterShape))];
  const x = engine.zeros(xShape);
  const filter = engine.tensor(weights, filterShape);
  const dz = engine.tensor(signal, dyShape);
  const { y, saved } = engine.conv(x, filter, null, { window: layer.window, relu: false });
  const inputs = { dy: tf.tensor(signal, dyShape), filter: tf.tensor(weights, filterShape) };
  const attributes = {
    strides: layer.window.stride,
    pad: padding(layer.window),
    dataFormat: 'NHWC',
    dimRoundingMode: null,
    inputShape: xShape,
  };
  const kernel = () =>
    /** @type {tf.Tensor} */ (tf.engine().runKernel('Conv2DBackpropInput', inputs, attributes));
  const own = engine.convInputGradient(saved, dz);
  const reference = kernel();
  compareValues(`${layer.name}: data gradient`, engine.read(own), reference.dataSync());
  engine.dispose(own);
  reference.dispose();
  const row = await rounds(
    `data gradient ${layer.name}`,
    () => engine.dispose(engine.convInputGradient(saved, dz)),
    () => kernel().dispose(),
    10,
  );
  engine.release(saved);
  for (const tensor of [x, filter, dz, y]) engine.dispose(tensor);
  tf.dispose(Object.values(inputs));
  const gflop = (2 * layer.multiplyAdds * batch) / 1e9;
  return {
    ...row,
    relaybp_gflops: (1000 * gflop) / row.relaybp_ms,
    tfjs_gflops: (1000 * gflop) / row.tfjs_ms,
  };
}

/** @param {any} json the plan */
async function trainingStep(json) {
  const { openBenchSession } = await import('../dist/commands/bench.js');
  const { batchGradients } = await import('../dist/train/batch-gradients.js');
  const { syntheticSource } = await import('../dist/bench/batches.js');
  const options = {
    mode: 'config',
    precision: 'float32',
    data: 'synthetic',
    engine: 'wasm',
    set: args.set,
  };
  const session = await openBenchSession(
    args.config,
    { ...options, microBatch: json.microBatch },
    { notice: note },
  );
  const { plan, engine } = session;
  const batch = await syntheticSource(plan).next();
  const { tensors } = batchGradients(plan, engine, batch, false);
  await tf.setBackend('cpu');
  const images = tf.tensor4d(batch.images.slice(), [batch.size, ...json.input]);
  const labels = tf.tensor1d(batch.labels, 'int32');
  const part = (/** @type {string} */ prefix) =>
    new Map(
      [...tensors].flatMap(([name, tensor]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
      ),
    );
  const still = new TfjsNetwork(json, part('weight/'), false);
  const reference = still.gradients(images, labels);
  for (const [name, { values }] of part('gradient/')) {
    compareValues(`gradient of ${name}`, values, reference.gradients.get(name).dataSync());
  }
  tf.dispose([...reference.gradients.values()]);
  still.dispose();
  const network = new TfjsNetwork(json, part('weight/'), true);
  const row = await rounds(
    `step of ${json.name}, batch ${batch.size}`,
    () => session.run(),
    async () => {
      await tf.setBackend('cpu');
      network.step(images, labels, 1e-6);
    },
    1,
  );
  network.dispose();
  tf.dispose([images, labels]);
  await session.close();
  return row;
}

/**
 * @param {string} what
 * @param {ArrayLike<number>} ours
 * @param {ArrayLike<number>} theirs
 */
function compareValues(what, ours, theirs) {
  let [difference, size] = [0, 0];
  for (let i = 0; i < theirs.length; i++) {
    difference += (ours[i] - theirs[i]) ** 2;
    size += theirs[i] ** 2;
  }
  const error = Math.sqrt(difference / size);
  if (ours.length === theirs.length && error <= TOLERANCE) return;
  throw new Error(`${what}: relaybp and tfjs differ by ${error}: nothing to compare the speed of`);
}

await benchmark(USAGE, args.help, async () => {
  const sets = args.set.flatMap((pair) => ['--set', pair]);
  const command = [CLI, 'plan', args.config, '--json', ...sets];
  const plan = JSON.parse(
    execFileSync(process.execPath, command, { encoding: 'utf8', maxBuffer: 2 ** 27 }),
  );
  const { openEngine } = await import('../dist/engine/select.js');
  const engine = await openEngine('wasm');
  const rows = [];
  const add = (/** @type {any} */ row) => {
    rows.push(row);
    if (args.json) process.stdout.write(`${JSON.stringify(row)}\n`);
  };
  const convolutions = plan.layers.filter((layer) => layer.type === 'conv' && 'segment' in layer);
  for (const layer of convolutions.slice(1))
    add(await dataGradient(engine, layer, plan.microBatch));
  add(await trainingStep(plan));
  if (args.json) return;
  const cells = rows.map((row) => [
    row.what,
    row.relaybp_ms.toFixed(1),
    row.tfjs_ms.toFixed(1),
    `${row.ratio.toFixed(2)} (${row.ratio_min.toFixed(2)}-${row.ratio_max.toFixed(2)})`,
  ]);
  process.stdout.write(
    `${columns(['', 'relaybp ms', 'tfjs ms', 'ratio'], cells, 1)}\n\nratio: tfjs over relaybp, median of the rounds (smallest to largest)\n`,
  );
});
