/**
 * What each augmentation costs per image, beside decoding it, and what samplers cost on millions of images. See
 * docs/benchmarks.md. Needs `npm run build`.
 *
 *     node scripts/bench-augment.js
 *     node scripts/bench-augment.js --images /path/to/folder --crops 224 --json
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import v8 from 'node:v8';
import vm from 'node:vm';
import sharp from 'sharp';
import { writeAugmented } from '../dist/data/augment/augmented-input.js';
import { chooseMix, mixInto } from '../dist/data/augment/mixing.js';
import { decodeImage } from '../dist/data/images/decode.js';
import { classLists } from '../dist/data/index/class-lists.js';
import { createSampler } from '../dist/data/sampling/sampler.js';
import { Random } from '../dist/random.js';
import { median } from './bench/interleave.js';
import { benchmark, columns, count } from './bench/options.js';

const USAGE = `usage: node scripts/bench-augment.js [options]
  --images FOLDER images to take, without folders within (default: noise of 256x256 is made)
  --crops LIST    sides of the input (default: 64,112,224); images are resized to 8/7 of it
  --rounds N      (default: 15)
  --samplers N    images of the sampler's set, in 401 classes (default: 8100000; 0: none)
  --json          one line of JSON per figure instead of tables`;

const { values: args } = parseArgs({
  options: {
    images: { type: 'string' },
    crops: { type: 'string', default: '64,112,224' },
    rounds: { type: 'string', default: '15' },
    samplers: { type: 'string', default: '8100000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const PLAIN = { flip: true, color: null };
const strength = /** @type {const} */ ([0.6, 1.4]);
const off = { brightness: null, contrast: null, saturation: null, hue: null };
const jitter = { brightness: strength, contrast: strength, saturation: strength };
const erasing = { probability: 1, scale: [0.02, 0.33], ratio: [0.3, 3.3] };
/** What is added to a random crop with mirroring, every time: a probability of less costs so much less. */
const AUGMENTATIONS = {
  resizedCrop: { resizedCrop: { scale: [0.08, 1], ratio: [0.75, 4 / 3] } },
  'colorJitter without hue': { colorJitter: { ...off, ...jitter } },
  'colorJitter with hue': { colorJitter: { ...jitter, hue: [-0.1, 0.1] } },
  'randomErasing, mean': { randomErasing: { ...erasing, value: 'mean' } },
  'randomErasing, random': { randomErasing: { ...erasing, value: 'random' } },
};
const MIXES = { mixup: [{ alpha: 0.2 }, null], cutmix: [null, { alpha: 1 }] };
const BATCH = 32;

/** @param {string} work @returns {Promise<string[]>} */
async function imageFiles(work) {
  if (args.images) {
    return readdirSync(args.images)
      .sort()
      .slice(0, BATCH)
      .map((name) => join(args.images, name));
  }
  const files = [];
  for (let i = 0; i < BATCH; i++) {
    const random = new Random('bench-augment', i);
    // Noise of few pixels, enlarged: about as detailed as a photograph.
    const data = Uint8Array.from({ length: 48 * 48 * 3 }, () => random.int(256));
    const file = join(work, `${i}.jpg`);
    const raw = { width: 48, height: 48, channels: /** @type {const} */ (3) };
    await sharp(data, { raw }).resize(256, 256).jpeg({ quality: 90 }).toFile(file);
    files.push(file);
  }
  return files;
}

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

/** Seconds of processor time of all threads so far: on a busy machine it says more than the clock. */
function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Microseconds per image. @param {() => unknown} work done for a whole batch, several times */
async function timed(work, times = 1) {
  const began = processorTime();
  for (let i = 0; i < times; i++) await work();
  return ((processorTime() - began) * 1e6) / BATCH / times;
}

/** @param {string[]} files @param {number} crop @param {number} rounds */
async function augmentationCosts(files, crop, rounds) {
  const resize = Math.round((crop * 8) / 7);
  const preprocessing = {
    resize,
    crop,
    mean: /** @type {const} */ ({ kind: 'channel', values: [120, 115, 105] }),
    std: /** @type {const} */ ([60, 60, 60]),
  };
  const decoded = await Promise.all(files.map((file) => decodeImage(file, resize)));
  const values = crop * crop * 3;
  const out = new Float32Array(BATCH * values);
  const fill = (/** @type {any} */ augment) =>
    decoded.forEach((pixels, i) => {
      writeAugmented(out, i * values, pixels, preprocessing, augment, 1, i);
    });
  const mixed = (/** @type {any} */ mixup, /** @type {any} */ cutmix) => () => {
    const mixing = { mixup, cutmix, probability: 1, switchProbability: 0.5, distance: 1 };
    for (let i = 0; i < BATCH; i += 2) {
      const of = (/** @type {number} */ n) => out.subarray(n * values, (n + 1) * values);
      const mix = chooseMix([crop, crop], mixing, 1, i);
      if (mix) mixInto(of(i), of(i + 1), mix, crop, true);
    }
  };
  /** @type {Record<string, number[]>} */
  const found = {};
  const note = (/** @type {string} */ name, /** @type {number} */ value) => {
    found[name] = [...(found[name] ?? []), value];
  };
  for (let round = -2; round < rounds; round++) {
    const decode = await timed(async () => {
      for (const file of files) await decodeImage(file, resize);
    });
    const base = await timed(() => fill(PLAIN), 3);
    /** @type {[string, number][]} */
    const costs = [];
    for (const [name, more] of Object.entries(AUGMENTATIONS)) {
      costs.push([name, (await timed(() => fill({ ...PLAIN, ...more }), 3)) - base]);
    }
    for (const [name, [mixup, cutmix]] of Object.entries(MIXES)) {
      costs.push([name, await timed(mixed(mixup, cutmix), 3)]);
    }
    if (round < 0) continue; // warms up
    note('decode and resize, one thread', decode);
    note('crop, mirror, normalize', base);
    for (const [name, cost] of costs) note(name, cost);
  }
  return Object.entries(found).map(([name, all]) => ({ crop, name, us: median(all) }));
}

/** @param {number} images */
function samplerCosts(images) {
  // Class sizes from 1 to 60 as in a long tail, scaled to the whole.
  const weights = Array.from({ length: 401 }, (_, c) => 60 ** (c / 400));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const labels = new Int32Array(images).fill(400);
  let at = 0;
  weights.forEach((weight, c) => {
    const end = Math.min(images, at + Math.round((weight / sum) * images));
    labels.fill(c, at, end);
    at = end;
  });
  const index = /** @type {any} */ ({
    labels,
    count: images,
    classes: weights.map((_, c) => `c${c}`),
  });
  const lists = classLists(labels, 401);
  const rules = [
    { kind: 'class-aware' },
    { kind: 'shuffle' },
    { kind: 'power', q: 0.5 },
    { kind: 'progressive', over: 20 * images },
    { kind: 'repeat-factor', threshold: 0.002 },
  ];
  return rules.map((rule) => {
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    const began = processorTime();
    const sampler = createSampler(/** @type {any} */ ({ ...rule, seed: 1 }), index, lists);
    sampler.at(0);
    const first = (processorTime() - began) * 1e3;
    const draws = 1e6;
    const start = processorTime();
    for (let p = 1; p <= draws; p++) sampler.at(p % images);
    const each = ((processorTime() - start) * 1e9) / draws;
    collectGarbage();
    const memory = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
    sampler.at(0); // is still there
    return { sampler: rule.kind, firstMs: first, drawNs: each, memoryMiB: memory };
  });
}

await benchmark(USAGE, args.help, async () => {
  const rounds = count(args.rounds, '--rounds');
  const work = mkdtempSync(join(tmpdir(), 'relaybp-bench-'));
  const say = (/** @type {unknown} */ line) => process.stdout.write(`${line}\n`);
  try {
    const files = await imageFiles(work);
    const found = [];
    for (const crop of args.crops.split(',')) {
      found.push(...(await augmentationCosts(files, count(crop, '--crops'), rounds)));
    }
    const samplers = args.samplers === '0' ? [] : samplerCosts(count(args.samplers, '--samplers'));
    if (args.json) {
      for (const row of [...found, ...samplers]) say(JSON.stringify(row));
      return;
    }
    const crops = [...new Set(found.map(({ crop }) => crop))];
    const names = [...new Set(found.map(({ name }) => name))];
    const of = (/** @type {string} */ name, /** @type {number} */ crop) =>
      (found.find((row) => row.name === name && row.crop === crop)?.us ?? 0).toFixed(0);
    say('microseconds of processor time per image; augmentations are added to the crop');
    const header = ['', ...crops.map((crop) => `crop ${crop}`)];
    say(
      columns(
        header,
        names.map((name) => [name, ...crops.map((crop) => of(name, crop))]),
        1,
      ),
    );
    if (samplers.length === 0) return;
    say(`\nsamplers of ${args.samplers} images in 401 classes`);
    const rows = samplers.map((row) => [
      row.sampler,
      row.firstMs.toFixed(0),
      row.drawNs.toFixed(0),
      row.memoryMiB.toFixed(0),
    ]);
    say(columns(['', 'first draw, ms', 'a draw, ns', 'memory, MiB'], rows, 1));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
