/**
 * relaybp's image loader on prepared images against the same loader on the originals, interleaved in one run. See
 * docs/benchmarks.md.
 *
 *     SCENES_VARIED=/path/to/scenes-varied SCENES_SMALL=/path/to/scenes-small node scripts/bench-prepare.js
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contender } from './bench/contender.js';
import { imageSets, SETS } from './bench/image-sets.js';
import { compared, interleave } from './bench/interleave.js';
import { benchmark, columns, count, note } from './bench/options.js';

const LOADER = fileURLToPath(new URL('bench/decode-relaybp.js', import.meta.url));
const BATCH = 16;

const USAGE = `usage: node scripts/bench-prepare.js [options]
  --sets LIST     of ${Object.keys(SETS).join(', ')} (default: all)
  --images FOLDER your own images, a folder of class folders, instead of --sets
  --resize N      of --images: the shorter side (default: 256)
  --crop N        of --images (default: 224)
  --quality N     of the JPEGs (default: 95)
  --workers N     decoding at once (default: the number of processors)
  --rounds N      (default: 5)
  --json          one line of JSON per comparison instead of a table`;

const { values: args } = parseArgs({
  options: {
    sets: { type: 'string', default: Object.keys(SETS).join() },
    images: { type: 'string' },
    resize: { type: 'string', default: '256' },
    crop: { type: 'string', default: '224' },
    quality: { type: 'string', default: '95' },
    workers: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const FORMATS = ['copies', 'shards of JPEGs', 'shards of pixels'];

/**
 * @param {import('./bench/image-sets.js').ImageSet} set
 * @param {string} format
 * @param {string} out
 */
async function prepare({ folder, resize }, format, out) {
  const { openImages } = await import('../dist/experiment/images.js');
  const { PreparingSource } = await import('../dist/prepare/originals.js');
  const { prepareShards } = await import('../dist/prepare/shards.js');
  const { prepareCopies } = await import('../dist/prepare/copies.js');
  const index = await openImages(folder, '.', undefined, () => {});
  const began = performance.now();
  const source = new PreparingSource({
    index,
    side: resize,
    maxPixels: 1e8,
    onError: { policy: 'fail', limit: 0 },
    workers: availableParallelism() + 2,
    onImage: () => {},
  });
  const quality = format === 'shards of pixels' ? null : count(args.quality, '--quality');
  const settings = { side: resize, quality, maxPixels: 1e8 };
  const { bytes } =
    format === 'copies'
      ? await prepareCopies(index, out, 'part', false, settings, source)
      : await prepareShards(index, join(out, 'part'), settings, source);
  return { bytes, ms: (performance.now() - began) / index.count };
}

/**
 * @param {import('./bench/image-sets.js').ImageSet} set
 * @param {string} format
 * @param {string} out
 */
async function compare(set, format, out) {
  const made = await prepare(set, format, out);
  const { name, resize, crop } = set;
  const workers = count(args.workers, '--workers');
  const contender = (/** @type {string} */ title, /** @type {string} */ folder) =>
    new Contender(
      title,
      process.execPath,
      [LOADER, JSON.stringify({ folder, resize, crop, batch: BATCH, workers })],
      { UV_THREADPOOL_SIZE: `${workers}` },
    );
  const prepared = contender(format, join(out, 'part'));
  const originals = contender('originals', set.folder);
  try {
    const [{ images }] = [await prepared.ready(), await originals.ready()];
    const { rounds } = await interleave([prepared, originals], {
      rounds: count(args.rounds, '--rounds'),
      steps: 1,
      warmup: 1,
    });
    const { speeds, ratios } = compared(rounds);
    return {
      images: name,
      count: images,
      resize,
      crop,
      format,
      prepared_img_s: speeds[0],
      originals_img_s: speeds[1],
      ...ratios,
      prepare_img_s: 1000 / made.ms,
      kib_per_image: made.bytes / images / 1024,
    };
  } finally {
    for (const one of [prepared, originals]) one.kill();
    await Promise.all([prepared.ended, originals.ended]);
  }
}

await benchmark(USAGE, args.help, async () => {
  const work = mkdtempSync(join(tmpdir(), 'relaybp-bench-'));
  const rows = [];
  try {
    for await (const set of imageSets(work, args)) {
      for (const format of FORMATS) {
        note(`${set.name}, ${format}`);
        const row = await compare(set, format, join(work, `${set.name} as ${format}`));
        rows.push(row);
        if (args.json) process.stdout.write(`${JSON.stringify(row)}\n`);
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (args.json) return;
  const cells = rows.map((row) => [
    row.images,
    row.format,
    `${row.resize}/${row.crop}`,
    row.prepared_img_s.toFixed(0),
    row.originals_img_s.toFixed(0),
    `${row.ratio.toFixed(2)} (${row.ratio_min.toFixed(2)}-${row.ratio_max.toFixed(2)})`,
    row.prepare_img_s.toFixed(0),
    row.kib_per_image.toFixed(0),
  ]);
  const header = ['set', 'format', 'resize/crop', 'img/s', 'originals', 'ratio', 'made/s', 'KiB'];
  process.stdout.write(
    `${columns(header, cells, 2)}\n\nimages per second with ${args.workers} workers; ratio: prepared over originals, median of the rounds\n`,
  );
});
