/**
 * relaybp's image loader against a PyTorch DataLoader with Pillow, interleaved in one run. See docs/benchmarks.md.
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
import { compared, interleave } from './bench/interleave.js';
import { benchmark, columns, count, note } from './bench/options.js';
import { benchPython } from './bench/python.js';

const OURS = fileURLToPath(new URL('bench/decode-relaybp.js', import.meta.url));
const PILLOW = fileURLToPath(new URL('bench-decode.py', import.meta.url));

const BATCH = 16;

const USAGE = `usage: node scripts/bench-decode.js [options]
  --sets LIST     of ${Object.keys(SETS).join(', ')} (default: all)
  --images FOLDER your own images, a folder of class folders, instead of --sets
  --resize N      of --images: the shorter side (default: 256)
  --crop N        of --images (default: 224)
  --workers N     decoding at once, on both sides (default: the number of processors)
  --rounds N      (default: 5)
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
    python: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/**
 * @param {import('./bench/image-sets.js').ImageSet} set
 * @param {boolean} draft
 * @param {string} python
 */
async function compare({ name, folder, resize, crop }, draft, python) {
  const workers = count(args.workers, '--workers');
  const options = JSON.stringify({ folder, resize, crop, batch: BATCH, workers });
  const ours = new Contender('relaybp', process.execPath, [OURS, options], {
    UV_THREADPOOL_SIZE: `${workers}`, // what decodes; a thread more puts the pixels into batches
  });
  const theirs = new Contender('Pillow', python, [
    ...[PILLOW, folder, '--resize', `${resize}`, '--crop', `${crop}`],
    ...['--batch', `${BATCH}`, '--workers', `${workers}`, ...(draft ? ['--draft'] : [])],
  ]);
  try {
    const [us, them] = [await ours.ready(), await theirs.ready()];
    if (us.images !== them.images) {
      throw new Error(
        `${folder}: relaybp finds ${us.images} images, the other side ${them.images}`,
      );
    }
    const { rounds } = await interleave([ours, theirs], {
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
      draft,
      relaybp_img_s: speeds[0],
      pillow_img_s: speeds[1],
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
      for (const draft of [false, true]) {
        note(`${set.name}, Pillow ${draft ? 'with' : 'without'} draft`);
        const row = await compare(set, draft, python);
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
    row.draft ? 'draft' : '',
    `${row.count}`,
    `${row.resize}/${row.crop}`,
    row.relaybp_img_s.toFixed(0),
    row.pillow_img_s.toFixed(0),
    `${row.ratio.toFixed(3)} (${row.ratio_min.toFixed(3)}-${row.ratio_max.toFixed(3)})`,
  ]);
  const header = ['set', 'Pillow', 'images', 'resize/crop', 'relaybp', 'Pillow img/s', 'ratio'];
  process.stdout.write(
    `${columns(header, cells, 2)}\n\nimages per second with ${args.workers} workers; ratio: relaybp over Pillow, median of the rounds\n`,
  );
});
