/**
 * relaybp's training step with Winograd's convolutions against the same with direct ones, interleaved in one run. See
 * docs/benchmarks.md.
 *
 *     node scripts/bench-winograd.js
 *     node scripts/bench-winograd.js --cases vgg10 --rounds 5 --json
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES } from './bench/cases.js';
import { Contender } from './bench/contender.js';
import { compared, interleave } from './bench/interleave.js';
import { benchmark, columns, count, list, note } from './bench/options.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const WORKER = join(ROOT, 'scripts', 'bench', 'relaybp-worker.js');

const USAGE = `usage: node scripts/bench-winograd.js [options]
  --cases LIST     of ${Object.keys(CASES).join(', ')} (default: vgg10, modelA)
  --mode NAME      config, relay, bp or multiloss (default: config)
  --rounds N       (default: 7)
  --steps N        steps of each side in a round (default: by case)
  --warmup N       steps before the first round (default: 2)
  --set KEY=VALUE  override a key of the configs, for both sides (repeatable)
  --json           one line of JSON per case instead of a table`;

const { values: args } = parseArgs({
  options: {
    cases: { type: 'string', default: 'vgg10,modelA' },
    mode: { type: 'string', default: 'config' },
    rounds: { type: 'string', default: '7' },
    steps: { type: 'string' },
    warmup: { type: 'string', default: '2' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** @param {keyof typeof CASES} name */
async function compare(name) {
  const { config, batch, steps } = CASES[name];
  const start = (/** @type {string} */ form) => {
    const set = [...args.set, `convolution=${form}`];
    const size = { batchSize: batch, microBatch: batch };
    const options = { mode: args.mode, data: 'synthetic', engine: 'native', set, ...size };
    return new Contender(form, process.execPath, [
      WORKER,
      join(ROOT, config),
      JSON.stringify({ precision: 'float32', ...options }),
    ]);
  };
  /** @type {[Contender, Contender]} */
  const sides = [start('auto'), start('direct')];
  try {
    const { predictedPeak } = await sides[0].ready();
    await sides[1].ready();
    const { rounds, memory } = await interleave(sides, {
      rounds: count(args.rounds, '--rounds'),
      steps: args.steps ? count(args.steps, '--steps') : steps,
      warmup: count(args.warmup, '--warmup'),
      onRound: (round, [a, b]) =>
        note(`  round ${round + 1}: ${a.toFixed(0)} and ${b.toFixed(0)} ms, ${(b / a).toFixed(3)}`),
    });
    const { speeds, ratios } = compared(rounds);
    return {
      case: name,
      winograd_img_s: batch * speeds[0],
      direct_img_s: batch * speeds[1],
      ...ratios,
      winograd_rss_mb: memory[0].peak,
      direct_rss_mb: memory[1].peak,
      predicted_rss_mb: predictedPeak,
      rounds: rounds.length,
    };
  } finally {
    for (const side of sides) side.kill();
    await Promise.all(sides.map((side) => side.ended));
  }
}

await benchmark(USAGE, args.help, async () => {
  const rows = [];
  for (const name of list(args.cases, Object.keys(CASES), '--cases')) {
    note(name);
    const row = await compare(/** @type {keyof typeof CASES} */ (name));
    if (args.json) process.stdout.write(`${JSON.stringify(row)}\n`);
    else rows.push(row);
  }
  if (args.json) return;
  const header = ['case', 'Winograd', 'direct', 'ratio', 'RSS', 'direct RSS', 'planned'];
  const cells = rows.map((row) => [
    row.case,
    row.winograd_img_s.toFixed(2),
    row.direct_img_s.toFixed(2),
    `${row.ratio.toFixed(2)} (${row.ratio_min.toFixed(2)}-${row.ratio_max.toFixed(2)})`,
    row.winograd_rss_mb.toFixed(0),
    row.direct_rss_mb.toFixed(0),
    row.predicted_rss_mb.toFixed(0),
  ]);
  process.stdout.write(
    `${columns(header, cells, 1)}\nimages per second; ratio: Winograd over direct, median of the rounds (smallest to largest); RSS: peak, MiB\n`,
  );
});
