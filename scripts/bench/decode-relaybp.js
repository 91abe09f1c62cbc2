/**
 * relaybp's loader as a contender: `node decode-relaybp.js <options as JSON>` with `folder` of a data set, `resize`,
 * `crop`, `batch`, `workers`. A line with a number on stdin decodes all images as many times; what comes back are
 * milliseconds for each image set, starting threads does not count. `cpu`: milliseconds of
 * processor time an image; `alone`: that of libjpeg-turbo's decoding alone, of the same files, at the same scale.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const options = JSON.parse(process.argv[2]);
const dist = new URL('../../dist/', import.meta.url);
const load = (/** @type {string} */ file) => import(new URL(file, dist).href);
const { openImages } = await load('experiment/images.js');
const { Loader } = await load('data/loader/loader.js');
const { imageFile } = await load('data/index/image-index.js');
const { JpegDecoder, decodeOnThisThread } = await load('data/images/turbojpeg.js');
const { shrinkFactor } = await load('data/images/shrink-on-load.js');
const { processMemory } = await load('bench/memory-use.js');

decodeOnThisThread(); // as the loader's threads do
const index = await openImages(options.folder, '.', undefined, () => {});
const print = (/** @type {unknown} */ value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Batches decoded ahead. */
const AHEAD = 4;

/** Every image decoded, resized, cropped in the centre and normalised, in batches; its threads live on, as in a training. */
const loader = new Loader({
  dataset: index,
  sampler: { kind: 'shuffle', seed: 0 },
  start: 0,
  batchSize: options.batch,
  buffers: AHEAD,
  preprocessing: {
    resize: options.resize,
    crop: options.crop,
    mean: { kind: 'channel', values: [123.675, 116.28, 103.53] },
    std: [58.395, 57.12, 57.375],
  },
  augment: null,
  seed: 0,
  onError: { policy: 'fail', limit: 0 },
  workers: options.workers,
  cacheBytes: 0,
});

async function pass() {
  const timed = Math.ceil(index.count / options.batch);
  let [since, cpu, sum] = [0, 0, 0];
  for (let k = 0; k < AHEAD + timed; k++) {
    // What was decoded while the other side had its turn does not count.
    if (k === AHEAD) [since, cpu] = [performance.now(), cpuMs()];
    const batch = await loader.next();
    sum += batch.images[0] ?? 0; // as a training would: something reads it
    batch.release();
  }
  if (!Number.isFinite(sum)) throw new Error('no images were decoded');
  const images = timed * options.batch;
  return { ms: (performance.now() - since) / images, cpu: (cpuMs() - cpu) / images };
}

/** Processor time of libjpeg-turbo an image, over so many of the files. */
async function alone(/** @type {number} */ most) {
  const decoder = JpegDecoder.open();
  if (!decoder) return null;
  const out = new Uint8Array(1 << 26);
  let [total, images] = [0, 0];
  for (let i = 0; i < Math.min(most, index.count); i++) {
    const bytes = readFileSync(imageFile(index, i));
    const start = cpuMs();
    const { width, height } = decoder.header(bytes);
    const shrink = shrinkFactor({ width, height }, options.resize);
    if (!(await decoder.decode(bytes, shrink, null, out))) throw new Error(`image ${i}`);
    total += cpuMs() - start;
    images++;
  }
  decoder.close();
  return total / images;
}

print({ ready: { images: index.count } });
for await (const line of createInterface({ input: process.stdin })) {
  const ms = [];
  const cpu = [];
  for (let i = 0; i < Number(line); i++) {
    const found = await pass();
    ms.push(found.ms);
    cpu.push(found.cpu);
  }
  print({ ms, cpu, alone: await alone(200), memory: processMemory() });
}
await loader.close();
