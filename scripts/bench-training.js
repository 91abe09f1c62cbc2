/**
 * Training from JPEGs against training on synthetic images, interleaved in one run: what decoding costs. See
 * docs/benchmarks.md.
 *
 *     SCENES_SMALL=/path/to/scenes-small node scripts/bench-training.js
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contender } from './bench/contender.js';
import { interleave, median } from './bench/interleave.js';
import { benchmark, columns, count, list, note } from './bench/options.js';

const WORKER = fileURLToPath(new URL('bench/relaybp-worker.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('../configs/bench-vgg10.yaml', import.meta.url));
const PRECISIONS = ['float32', 'bf16'];
const CACHES = ['anew', 'kept'];
/**
 * Steps at the beginning of each turn that do not count: at most so many micro-batches were decoded while the other
 * side ran.
 */
const AHEAD = 8;

const USAGE = `usage: node scripts/bench-training.js [options]
  --config FILE      (default: configs/bench-vgg10.yaml)
  --precisions LIST  of ${PRECISIONS.join(', ')} (default: all)
  --rounds N         (default: 5)
  --steps N          steps of each side in a round, besides ${AHEAD} that do not count (default: 20)
  --epoch N          steps of the real side before the measurement of kept images: at least an epoch (default: 160)
  --caches LIST      of anew, kept: which of the two is measured (default: all)
  --engine NAME      (default: native)
  --set KEY=VALUE    override a key of the config (repeatable)
  --json             one line of JSON per comparison instead of a table`;

const { values: args } = parseArgs({
  options: {
    config: { type: 'string', default: CONFIG },
    precisions: { type: 'string', default: PRECISIONS.join() },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '20' },
    epoch: { type: 'string', default: '160' },
    caches: { type: 'string', default: CACHES.join() },
    engine: { type: 'string', default: 'native' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/**
 * @param {string} precision
 * @param {boolean} cache decoded images are kept for the next time, as a training does; otherwise each is decoded anew
 */
async function compare(precision, cache) {
  const { engine, set, config } = args;
  const start = (/** @type {string} */ data) => {
    const options = { mode: 'config', precision, data, engine, set, imageCache: cache };
    return new Contender(`training on ${data} images`, process.execPath, [
      WORKER,
      config,
      JSON.stringify(options),
    ]);
  };
  const [real, synthetic] = [start('config'), start('synthetic')];
  try {
    const facts = await real.ready();
    await synthetic.ready();
    // The images are decoded in the first epoch, and kept: what is measured then is every later one.
    if (cache) await real.run(count(args.epoch, '--epoch'));
    const { rounds } = await interleave([real, synthetic], {
      rounds: count(args.rounds, '--rounds'),
      steps: AHEAD + count(args.steps, '--steps'),
      skip: AHEAD,
      warmup: 3,
      onRound: (round, [a, b]) =>
        note(`  round ${round + 1}: ${a.toFixed(1)} and ${b.toFixed(1)} ms`),
    });
    const ratios = rounds.map(([a, b]) => b / a);
    const speed = (/** @type {0 | 1} */ side) =>
      (1000 * facts.batchSize) / median(rounds.map((round) => round[side]));
    return {
      precision,
      cache,
      jpeg_img_s: speed(0),
      synthetic_img_s: speed(1),
      ratio: median(ratios),
      ratio_min: Math.min(...ratios),
      ratio_max: Math.max(...ratios),
      rounds: rounds.length,
    };
  } finally {
    for (const contender of [real, synthetic]) contender.kill();
    await Promise.all([real.ended, synthetic.ended]);
  }
}

await benchmark(USAGE, args.help, async () => {
  const rows = [];
  for (const precision of list(args.precisions, PRECISIONS, '--precisions')) {
    for (const name of list(args.caches, CACHES, '--caches')) {
      const cache = name === 'kept';
      note(`${precision}, ${cache ? 'decoded images kept in memory' : 'every image decoded anew'}`);
      try {
        const row = await compare(precision, cache);
        rows.push(row);
        if (args.json) process.stdout.write(`${JSON.stringify(row)}\n`);
      } catch (error) {
        note(`  failed: ${error instanceof Error ? error.message : error}`);
        process.exitCode = 1;
      }
    }
  }
  if (args.json || rows.length === 0) return;
  const cells = rows.map((row) => [
    row.precision,
    row.cache ? 'kept' : 'anew',
    row.jpeg_img_s.toFixed(1),
    row.synthetic_img_s.toFixed(1),
    `${row.ratio.toFixed(3)} (${row.ratio_min.toFixed(3)}-${row.ratio_max.toFixed(3)})`,
  ]);
  const header = ['precision', 'decoded', 'JPEGs', 'synthetic', 'ratio'];
  process.stdout.write(
    `${columns(header, cells, 2)}\n\nimages per second; ratio: JPEGs over synthetic, median of the rounds (smallest to largest)\n`,
  );
});
