/**
 * relaybp's loader as a contender: `node decode-relaybp.js <options as JSON>` with `root` and `part` of a data set,
 * `resize`, `crop`, `batch`, `workers`. A line with a number on stdin decodes all images as many times; what comes back
 * are milliseconds for each image set, from the first batch on: starting threads does not count.
 */
import { createInterface } from 'node:readline';

const options = JSON.parse(process.argv[2]);
const { openImages } = await import('../../dist/experiment/images.js');
const { Loader } = await import('../../dist/data/loader/loader.js');
const { processMemory } = await import('../../dist/bench/memory-use.js');

const index = await openImages(options.folder, '.', undefined, () => {});
const print = (/** @type {unknown} */ value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** Every image decoded, resized, cropped in the centre and normalised, in batches. */
async function pass() {
  const loader = new Loader({
    dataset: index,
    sampler: { kind: 'sequential', seed: 0 },
    start: 0,
    end: index.count,
    batchSize: options.batch,
    preprocessing: {
      resize: options.resize,
      crop: options.crop,
      mean: { kind: 'channel', values: [123.675, 116.28, 103.53] },
      std: [58.395, 57.12, 57.375],
    },
    augment: null,
    seed: 0,
    onError: { policy: 'fail', limit: 0 },
    lanes: options.workers + 2, // as by default on so many processors
    cacheBytes: 0,
  });
  try {
    let [since, images, sum] = [0, 0, 0];
    for (;;) {
      const batch = await loader.next();
      if (!batch) break;
      if (since === 0) since = performance.now();
      else images += batch.size;
      sum += batch.images[0] ?? 0; // as a training would: something reads it
      batch.release();
    }
    if (!Number.isFinite(sum) || images === 0) throw new Error('no images were decoded');
    return (performance.now() - since) / images;
  } finally {
    await loader.close();
  }
}

print({ ready: { images: index.count } });
for await (const line of createInterface({ input: process.stdin })) {
  const ms = [];
  for (let i = 0; i < Number(line); i++) ms.push(await pass());
  print({ ms, memory: processMemory() });
}
