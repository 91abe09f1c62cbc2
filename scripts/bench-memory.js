/**
 * Memory and time of a training step with and without recomputation, beside what the plan predicts. Each case runs alone
 * in a process of its own. See docs/benchmarks.md.
 *
 *     node scripts/bench-memory.js
 *     node scripts/bench-memory.js --config configs/places2-modelB.yaml --precisions float32 --json
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contender } from './bench/contender.js';
import { median } from './bench/interleave.js';
import { benchmark, columns, count, list, note } from './bench/options.js';

const WORKER = fileURLToPath(new URL('bench/relaybp-worker.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('../configs/places2-modelA.yaml', import.meta.url));
const PRECISIONS = ['float32', 'bf16'];

const USAGE = `usage: node scripts/bench-memory.js [options]
  --config FILE      (default: configs/places2-modelA.yaml)
  --precisions LIST  of ${PRECISIONS.join(', ')} (default: all)
  --micro-batch N    (default: 8)
  --steps N          of each case (default: 5)
  --engine NAME      (default: native)
  --set KEY=VALUE    override a key of the config (repeatable)
  --orders           compare the orders of the losses' signals, late and early, instead of recomputation
  --json             one line of JSON per case instead of a table`;

const { values: args } = parseArgs({
  options: {
    config: { type: 'string', default: CONFIG },
    precisions: { type: 'string', default: PRECISIONS.join() },
    'micro-batch': { type: 'string', default: '8' },
    steps: { type: 'string', default: '5' },
    engine: { type: 'string', default: 'native' },
    set: { type: 'string', multiple: true, default: [] },
    orders: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** What is compared, the first case with the others. */
const CASES = args.orders
  ? [{ early: false }, { early: true }]
  : [{ recompute: false }, { recompute: true }];

/**
 * @param {string} precision
 * @param {{ recompute?: boolean, early?: boolean }} options of all segments; whether signals go down early
 */
async function measure(precision, { recompute, early }) {
  const size = count(args['micro-batch'], '--micro-batch');
  const set = [...args.set, `precision=${precision}`];
  if (recompute !== undefined) set.push(`recompute=${recompute}`);
  const shape = { batchSize: size, microBatch: size, early };
  const options = { mode: 'config', data: 'synthetic', engine: args.engine, set, ...shape };
  const name = `${precision}, ${args.orders ? `early ${early}` : `recompute ${recompute}`}`;
  note(name);
  const contender = new Contender(name, process.execPath, [
    WORKER,
    args.config,
    JSON.stringify(options),
  ]);
  try {
    const { memory: built, predictedPeak } = await contender.ready();
    const { ms, memory } = await contender.run(count(args.steps, '--steps'));
    await contender.close();
    return {
      precision,
      ...(args.orders ? { early } : { recompute }),
      ms_per_step: median(ms),
      built_mb: built.resident,
      peak_mb: memory.peak,
      activations_mb: memory.peak - built.resident,
      predicted_peak_mb: predictedPeak,
    };
  } finally {
    contender.kill();
  }
}

await benchmark(USAGE, args.help, async () => {
  const rows = [];
  for (const precision of list(args.precisions, PRECISIONS, '--precisions')) {
    const cases = [];
    for (const options of CASES) cases.push(await measure(precision, options));
    for (const found of cases) {
      const memoryRatio = found.activations_mb / cases[0].activations_mb;
      const timeRatio = found.ms_per_step / cases[0].ms_per_step;
      const ratios = { activations_ratio: memoryRatio, time_ratio: timeRatio };
      const predicted = found.predicted_peak_mb / found.peak_mb;
      const row = { ...found, ...ratios, predicted_ratio: predicted };
      if (args.json) process.stdout.write(`${JSON.stringify(row)}\n`);
      else rows.push(row);
    }
  }
  if (args.json) return;
  const header = [
    'precision',
    args.orders ? 'signals' : 'recompute',
    'ms per step',
    'built',
    'peak',
    'on top',
    'predicted',
  ];
  const cells = rows.map((row) => [
    row.precision,
    args.orders ? (row.early ? 'early' : 'late') : row.recompute ? 'all' : 'none',
    `${row.ms_per_step.toFixed(0)} (${row.time_ratio.toFixed(2)})`,
    row.built_mb.toFixed(0),
    row.peak_mb.toFixed(0),
    `${row.activations_mb.toFixed(0)} (${row.activations_ratio.toFixed(2)})`,
    `${row.predicted_peak_mb.toFixed(0)} (${row.predicted_ratio.toFixed(2)})`,
  ]);
  process.stdout.write(
    `${columns(header, cells, 2)}\nMemory in MiB; in brackets ratios to the first of the two, and of the predicted peak to the measured one.\n`,
  );
});
