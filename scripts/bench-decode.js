/**
 * relaybp's image loader against a PyTorch DataLoader with Pillow and other decoders, interleaved in one run. See docs/benchmarks.md.
 *
 *     SCENES_VARIED=/path/to/scenes-varied node scripts/bench-decode.js
 *     node scripts/bench-decode.js --images /path/to/folder/of/class/folders --resize 256 --crop 224
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contender } from './bench/contender.js';
import { imageSets, SETS } from './bench/image-sets.js';
import { compared, interleave, median } from './bench/interleave.js';
import { benchmark, columns, count, list, note } from './bench/options.js';
import { benchPython } from './bench/python.js';

const OURS = fileURLToPath(new URL('bench/decode-relaybp.js', import.meta.url));
const PILLOW = fileURLToPath(new URL('bench-decode.py', import.meta.url));

const BATCH = 16;
const AGAINST = ['pillow', 'draft', 'torchvision', 'simplejpeg'];

const USAGE = `usage: node scripts/bench-decode.js [options]
  --sets LIST     of ${Object.keys(SETS).join(', ')} (default: all)
  --images FOLDER your own images, a folder of class folders, instead of --sets
  --resize N      of --images: the shorter side (default: 256)
  --crop N        of --images (default: 224)
  --workers N     decoding at once, on both sides (default: the number of processors)
  --rounds N      (default: 5)
  --against LIST  of pillow, draft, torchvision, simplejpeg (default: all)
  --python PATH   an interpreter with the pinned PyTorch and Pillow (default: one is installed)
  --json          one line of JSON per comparison instead of a table`;

const { values: args } = parseArgs({
  options: {
    sets: { type: 'string', default: Object.keys(SETS).join() },
    images: { type: 'string' },
    resize: { type: 'string', default: '256' },
    crop: { type: 'string', default: '224' },
    workers: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    against: { type: 'string', default: AGAINST.join() },
    python: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/**
 * @param {import('./bench/image-sets.js').ImageSet} set
 * @param {string} against
 * @param {string} python
 */
async function compare({ name, folder, resize, crop }, against, python) {
  const workers = count(args.workers, '--workers');
  const options = JSON.stringify({ folder, resize, crop, batch: BATCH, workers });
  const ours = new Contender('relaybp', process.execPath, [OURS, options], {
    UV_THREADPOOL_SIZE: `${workers}`, // what decodes; a thread more puts the pixels into batches
  });
  const theirs = new Contender(against, python, [
    ...[PILLOW, folder, '--resize', `${resize}`, '--crop', `${crop}`],
    ...['--batch', `${BATCH}`, '--workers', `${workers}`, '--decoder', against],
  ]);
  try {
    const [us, them] = [await ours.ready(), await theirs.ready()];
    if (us.images !== them.images) {
      throw new Error(
        `${folder}: relaybp finds ${us.images} images, the other side ${them.images}`,
      );
    }
    const { rounds, turns } = await interleave([ours, theirs], {
      rounds: count(args.rounds, '--rounds'),
      steps: 1,
      warmup: 1,
    });
    const { speeds, ratios } = compared(rounds);
    return {
      images: name,
      count: us.images,
      resize,
      crop,
      workers,
      against,
      relaybp_img_s: speeds[0],
      their_img_s: speeds[1],
      cpu_ms: median(turns[0].map(({ cpu }) => cpu[0])),
      their_cpu_ms: median(turns[1].map(({ cpu }) => cpu[0])),
      decode_alone_ms: median(turns[0].map(({ alone }) => alone)),
      peak_mib: turns[0].at(-1)?.memory?.peak,
      ...ratios,
      rounds: rounds.length,
    };
  } finally {
    for (const contender of [ours, theirs]) contender.kill();
    await Promise.all([ours.ended, theirs.ended]);
  }
}

await benchmark(USAGE, args.help, async () => {
  const python = benchPython(args.python, note);
  const work = mkdtempSync(join(tmpdir(), 'relaybp-bench-'));
  const rows = [];
  try {
    for await (const set of imageSets(work, args)) {
      for (const against of list(args.against, AGAINST, '--against')) {
        note(`${set.name}, against ${against}`);
        const row = await compare(set, against, python).catch((error) => {
          if (against === 'pillow' || against === 'draft') throw error;
          // torchvision's decoder needs a build that fits PyTorch's, which not every index has.
          note(`${against}: left out: ${error.message}`);
          return null;
        });
        if (!row) continue;
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
    row.against,
    `${row.count}`,
    `${row.resize}/${row.crop}`,
    row.relaybp_img_s.toFixed(0),
    row.their_img_s.toFixed(0),
    `${row.ratio.toFixed(3)} (${row.ratio_min.toFixed(3)}-${row.ratio_max.toFixed(3)})`,
    `${row.cpu_ms.toFixed(2)} (${(row.cpu_ms / row.decode_alone_ms).toFixed(2)})`,
    `${row.their_cpu_ms.toFixed(2)}`,
    row.peak_mib?.toFixed(0) ?? '',
  ]);
  const header = [
    ...['set', 'against', 'images', 'resize/crop', 'relaybp', 'their img/s', 'ratio'],
    ...['CPU ms', 'their CPU ms', 'peak MiB'],
  ];
  process.stdout.write(
    `${columns(header, cells, 2)}\n\nimages per second with ${args.workers} workers; ratio: relaybp over the other, median of the rounds; CPU ms: processor time an image, of relaybp also how many times that of libjpeg-turbo's decoding alone\n`,
  );
});
