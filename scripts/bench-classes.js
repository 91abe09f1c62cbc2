/**
 * What many classes cost: the time that per-image results take in an evaluation, and the peak memory of train, eval
 * and report. See docs/benchmarks.md. Needs `npm run build`.
 *
 *     node scripts/bench-classes.js
 *     node scripts/bench-classes.js --classes 1000,10000 --images 10000 --engine wasm --json
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import sharp from 'sharp';
import { EvaluationTally } from '../dist/eval/evaluation-report.js';
import { logSoftmax } from '../dist/eval/log-probabilities.js';
import { resultLine } from '../dist/eval/results.js';
import { Random } from '../dist/random.js';
import { benchmark, columns, count, note } from './bench/options.js';

const USAGE = `usage: node scripts/bench-classes.js [options]
  --classes LIST  (default: 1000,10000)
  --rows N        images whose results are timed (default: 50000)
  --images N      images to train on, and as many to evaluate (default: 10000; 0: no memory)
  --engine NAME   (default: native)
  --json          one line of JSON per figure instead of tables`;

const { values: args } = parseArgs({
  options: {
    classes: { type: 'string', default: '1000,10000' },
    rows: { type: 'string', default: '50000' },
    images: { type: 'string', default: '10000' },
    engine: { type: 'string', default: 'native' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const CONFIG = `version: 1
name: classes
seed: 1
data: {resize: 18, crop: 16, mean: [128, 128, 128], std: 64}
model:
  input: [16, 16, 3]
  segments:
    - {name: seg1, layers: [{conv: {filters: 16, kernel: 3}}, {maxpool: {size: 2}}]}
    - {name: seg2, layers: [{conv: {filters: 16, kernel: 3}}, {maxpool: {size: 2}}]}
losses:
  - {name: primary, after: seg2, head: [{avgpool: {size: global}}, {fc: {units: classes}}]}
optimizer: {lr: 0.01}
training: {epochs: 1, batchSize: 32}
`;
const BIN = fileURLToPath(new URL('../bin/relaybp.js', import.meta.url));
/** Different rows of scores; all of 50,000 rows of 10,000 classes would be 2 GB. */
const DIFFERENT = 500;

/**
 * @param {number} classes
 * @param {number} rows
 * @returns microseconds an image: the results file, and the report's counts
 */
function resultTimes(classes, rows) {
  const random = new Random(1, 'bench-classes');
  const names = Array.from({ length: classes }, (_, i) => `class${i}`);
  const scores = Array.from({ length: DIFFERENT }, () =>
    Float32Array.from(logSoftmax(Float32Array.from(names, () => 3 * random.normal()))),
  );
  const time = (/** @type {(row: Float32Array, label: number) => void} */ work) => {
    const start = performance.now();
    for (let i = 0; i < rows; i++) work(scores[i % DIFFERENT], i % classes);
    return (1000 * (performance.now() - start)) / rows;
  };
  const tally = new EvaluationTally(names);
  let length = 0;
  const results = time((row, label) => {
    length += resultLine('val/n01440764/image.jpg', row, label, names).length;
  });
  const counts = time((row, label) => tally.add(row, label));
  if (length === 0) throw new Error('no lines');
  return { results, counts };
}

/** Part of the page, which is bundled for browsers otherwise. */
async function pageModule(/** @type {string} */ name) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../src/report/page/${name}.ts`, import.meta.url))],
    ...{ bundle: true, write: false, format: 'esm' },
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

/** @param {number} classes @returns milliseconds that the page takes to put the classes of its matrix in order */
async function orderTime(classes) {
  const { orderClasses } = await pageModule('confusion-order');
  const random = new Random(1, 'bench-classes order');
  const names = Array.from({ length: classes }, (_, i) => `class${i}`);
  /** @type {[number, number, number][]} */
  const confusion = Array.from({ length: 5 * classes }, (_, i) => [
    i % classes,
    random.int(classes),
    1,
  ]);
  const perClass = names.map(() => ({
    images: 5,
    top1: 0,
    top5: 0,
    interval: /** @type {[number, number]} */ ([0, 50]),
  }));
  const report = { source: '', step: 1, images: 5 * classes, top1: 0, top5: 0 };
  const start = performance.now();
  orderClasses({ ...report, classes: names, perClass, confusion, galleries: [] }, 'similar', null);
  return performance.now() - start;
}

/**
 * The same images for any number of classes.
 *
 * @param {string} work
 * @param {number} classes
 * @param {number} images
 */
async function dataSet(work, classes, images) {
  const image = await sharp({
    create: {
      ...{ width: 18, height: 18, channels: 3, background: '#888' },
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  })
    .png()
    .toBuffer();
  const root = join(work, String(classes));
  for (const part of ['train', 'val']) {
    for (let i = 0; i < images; i++) {
      const folder = join(root, part, `c${i % classes}`);
      if (i < classes) mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${i}.png`), image);
    }
  }
  return root;
}

/**
 * Runs relaybp in a process of its own.
 *
 * @param {string[]} command
 * @param {string} work
 * @returns {Promise<{ peak: number, seconds: number }>} MiB, of all its threads
 */
async function measured(command, work) {
  const file = join(work, 'peak');
  const hook = `import{isMainThread}from'node:worker_threads';import{writeFileSync}from'node:fs';
if(isMainThread)process.on('exit',()=>writeFileSync(${JSON.stringify(file)},String(process.resourceUsage().maxRSS)));`;
  const load = `data:text/javascript,${encodeURIComponent(hook)}`;
  const env = { ...process.env, MALLOC_ARENA_MAX: '2' };
  const start = performance.now();
  const child = spawn(process.execPath, ['--import', load, BIN, ...command], {
    ...{ cwd: work, env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`relaybp ${command.join(' ')}: ${errors.slice(-2000)}`);
  const seconds = (performance.now() - start) / 1000;
  return { peak: Number(readFileSync(file, 'utf8')) / 1024, seconds };
}

/**
 * @param {string} work
 * @param {number} classes
 * @param {number} images
 */
async function peaks(work, classes, images) {
  const root = await dataSet(work, classes, images);
  writeFileSync(join(work, 'c.yaml'), CONFIG);
  const run = `run-${classes}`;
  const set = ['--set', `data.root=${root}`, '--set', `data.classes=${classes}`];
  const engine = ['--engine', args.engine];
  const files = ['--results', 'r.csv', '--per-class', 'p.csv'];
  return {
    train: await measured(['train', 'c.yaml', ...set, ...engine, '--out', run], work),
    eval: await measured(['eval', run, ...engine, ...files], work),
    'eval --confusion': await measured(['eval', run, ...engine, '--confusion', 'm.csv'], work),
    report: await measured(['report', run, '--out', 'report.html'], work),
  };
}

await benchmark(USAGE, args.help, async () => {
  const numbers = args.classes.split(',').map((text) => count(text, '--classes'));
  const rows = count(args.rows, '--rows');
  const images = args.images === '0' ? 0 : count(args.images, '--images');
  note(`${cpus()[0].model}, node ${process.version}`);
  resultTimes(100, 2000); // so that it is compiled
  const times = [];
  for (const classes of numbers) {
    times.push({ classes, rows, ...resultTimes(classes, rows), order: await orderTime(classes) });
  }
  if (args.json) for (const line of times) process.stdout.write(`${JSON.stringify(line)}\n`);
  else {
    const header = ['classes', 'results, µs/image', 'counts, µs/image', 'order of the page, ms'];
    const cells = times.map(({ classes, results, counts, order }) => [
      ...[String(classes), results.toFixed(1), counts.toFixed(1), order.toFixed(0)],
    ]);
    process.stdout.write(`${columns(header, cells, 0)}\n`);
  }
  if (images === 0) return;
  const work = mkdtempSync(join(tmpdir(), 'relaybp-bench-classes-'));
  try {
    /** @type {string[][]} */
    const cells = [];
    for (const classes of numbers) {
      note(`${classes} classes: ${images} images to train on, ${images} to evaluate`);
      for (const [command, { peak, seconds }] of Object.entries(
        await peaks(work, classes, images),
      )) {
        if (args.json) {
          process.stdout.write(`${JSON.stringify({ classes, images, command, peak, seconds })}\n`);
        }
        cells.push([command, String(classes), peak.toFixed(0), seconds.toFixed(1)]);
      }
    }
    if (!args.json) {
      process.stdout.write(`${columns(['command', 'classes', 'peak, MiB', 's'], cells, 1)}\n`);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
