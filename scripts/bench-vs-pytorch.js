/**
 * relaybp against PyTorch on the same network, interleaved in one run; and relaybp's relay step against its own
 * standard BP. See docs/benchmarks.md.
 *
 *     node scripts/bench-vs-pytorch.js
 *     node scripts/bench-vs-pytorch.js --cases vgg10 --precisions float32 --modes relay --rounds 5 --json
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES } from './bench/cases.js';
import { Contender } from './bench/contender.js';
import { interleave, median } from './bench/interleave.js';
import { columns, count, list, note } from './bench/options.js';
import { benchPython } from './bench/python.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLI = join(ROOT, 'bin', 'relaybp.js');
const WORKER = join(ROOT, 'scripts', 'bench', 'relaybp-worker.js');
const PYTORCH = join(ROOT, 'scripts', 'bench-pytorch.py');

const MODES = ['relay', 'bp', 'multiloss', 'own'];
const PRECISIONS = ['float32', 'bf16'];
const FORMULATIONS = ['inputs', 'grad'];

const USAGE = `usage: node scripts/bench-vs-pytorch.js [options]
  --cases LIST         of ${Object.keys(CASES).join(', ')} (default: vgg10, modelA)
  --precisions LIST    of ${PRECISIONS.join(', ')} (default: all)
  --modes LIST         of ${MODES.join(', ')}; own: relaybp's relay step against its own standard BP (default: all)
  --formulations LIST  of PyTorch's relay: ${FORMULATIONS.join(', ')} (default: all)
  --rounds N           (default: 7)
  --steps N            steps of each contender in a round (default: by case)
  --warmup N           steps before the first round (default: 3)
  --engine NAME        relaybp's (default: native)
  --compile            also PyTorch with torch.compile
  --python PATH        an interpreter with the pinned PyTorch (default: one is installed)
  --set KEY=VALUE      override a key of the configs, for both sides (repeatable)
  --json               one line of JSON per case instead of a table`;

const { values: args } = parseArgs({
  options: {
    cases: { type: 'string', default: 'vgg10,modelA' },
    precisions: { type: 'string', default: PRECISIONS.join() },
    modes: { type: 'string', default: MODES.join() },
    formulations: { type: 'string', default: FORMULATIONS.join() },
    rounds: { type: 'string', default: '7' },
    steps: { type: 'string' },
    warmup: { type: 'string', default: '3' },
    engine: { type: 'string', default: 'native' },
    compile: { type: 'boolean', default: false },
    python: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const work = mkdtempSync(join(tmpdir(), 'relaybp-bench-'));
/** @type {Set<Contender>} */
const alive = new Set();

/**
 * @typedef {{ name: string, config: string, batch: number, steps: number }} Case
 * @typedef {{ case: Case, precision: string, mode: string, formulation: string, compile: boolean }} Comparison
 */

/** @returns {Comparison[]} */
function comparisons() {
  const all = [];
  for (const name of list(args.cases, Object.keys(CASES), '--cases')) {
    for (const precision of list(args.precisions, PRECISIONS, '--precisions')) {
      for (const mode of list(args.modes, MODES, '--modes')) {
        const one = {
          case: { name, ...CASES[/** @type {keyof CASES} */ (name)] },
          precision,
          mode,
        };
        const formulations =
          mode === 'relay' ? list(args.formulations, FORMULATIONS, '--formulations') : ['sum'];
        for (const formulation of formulations) {
          all.push({ ...one, formulation, compile: false });
          if (args.compile && mode !== 'own') all.push({ ...one, formulation, compile: true });
        }
      }
    }
  }
  return all;
}

/**
 * Two processes, and nothing else, are alive while they are compared: each has trained this one case only, so that its
 * peak memory is that case's.
 *
 * @param {Comparison} comparison
 * @param {string} python
 */
async function compare(comparison, python) {
  const { case: of, mode } = comparison;
  const steps = args.steps ? count(args.steps, '--steps') : of.steps;
  const ours = start('relaybp', relaybpArgs(comparison, mode === 'own' ? 'relay' : mode));
  try {
    const us = await ours.ready();
    const theirs =
      mode === 'own'
        ? start('relaybp', relaybpArgs(comparison, 'bp'))
        : start('PyTorch', pytorchArgs(comparison, us.engine.threads), python);
    const them = await theirs.ready();
    check(comparison, us, them);
    const { rounds, memory } = await interleave([ours, theirs], {
      rounds: count(args.rounds, '--rounds'),
      steps,
      warmup: count(args.warmup, '--warmup'),
      onRound: (round, [a, b]) =>
        note(
          `  round ${round + 1}: ${a.toFixed(1)} and ${b.toFixed(1)} ms, ratio ${(b / a).toFixed(3)}`,
        ),
    });
    const ratios = rounds.map(([a, b]) => b / a);
    const speed = (/** @type {0 | 1} */ side) =>
      (1000 * us.batchSize) / median(rounds.map((round) => round[side]));
    const shared = {
      case: of.name,
      precision: comparison.precision,
      mode: mode === 'own' ? 'relay' : mode,
    };
    const spread = {
      ratio_min: Math.min(...ratios),
      ratio_max: Math.max(...ratios),
      rounds: rounds.length,
    };
    if (mode === 'own') {
      const time = median(rounds.map(([relay, bp]) => relay / bp));
      const multiplyAdds = us.multiplyAdds / them.multiplyAdds;
      return {
        ...shared,
        formulation: 'own-bp',
        relaybp_img_s: speed(0),
        relaybp_bp_img_s: speed(1),
        time_ratio: time,
        multiply_adds_ratio: multiplyAdds,
        ratio: time / multiplyAdds,
        relaybp_rss_mb: memory[0].peak,
        relaybp_bp_rss_mb: memory[1].peak,
        rounds: rounds.length,
      };
    }
    return {
      ...shared,
      formulation: `${comparison.formulation}${comparison.compile ? '+compile' : ''}`,
      relaybp_img_s: speed(0),
      pytorch_img_s: speed(1),
      ratio: median(ratios),
      relaybp_rss_mb: memory[0].peak,
      pytorch_rss_mb: memory[1].peak,
      ...spread,
    };
  } finally {
    for (const contender of alive) contender.kill();
    await Promise.all([...alive].map((contender) => contender.ended));
    alive.clear();
  }
}

/**
 * @param {Comparison} comparison
 * @param {Record<string, any>} us
 * @param {Record<string, any>} them
 */
function check({ case: of, mode }, us, them) {
  if (us.batchSize !== them.batchSize) {
    throw new Error(`${of.name}: batches of ${us.batchSize} and of ${them.batchSize} images`);
  }
  if (mode !== 'own' && us.parameters !== them.parameters) {
    throw new Error(
      `${of.name}, ${mode}: relaybp's network has ${us.parameters} parameters, PyTorch's ${them.parameters}`,
    );
  }
  if (mode !== 'own') {
    const threads = [us.engine.threads, them.threads];
    if (threads[0] !== threads[1]) throw new Error(`threads: ${threads.join(' and ')}`);
  }
}

/**
 * @param {Comparison} comparison
 * @param {string} mode
 */
function relaybpArgs({ case: of, precision }, mode) {
  const options = {
    mode,
    precision,
    data: 'synthetic',
    microBatch: of.batch,
    engine: args.engine,
    set: args.set,
  };
  return [WORKER, join(ROOT, of.config), JSON.stringify(options)];
}

/**
 * @param {Comparison} comparison
 * @param {number} threads
 */
function pytorchArgs({ case: of, precision, mode, formulation, compile }, threads) {
  const sizes = [`training.batchSize=${of.batch}`, `training.microBatch=${of.batch}`];
  const sets = [...args.set, ...sizes].flatMap((pair) => ['--set', pair]);
  const command = [CLI, 'plan', join(ROOT, of.config), '--json', ...sets];
  const file = join(work, `${of.name}.json`);
  writeFileSync(
    file,
    execFileSync(process.execPath, command, { encoding: 'utf8', maxBuffer: 2 ** 27 }),
  );
  return [
    PYTORCH,
    'serve',
    file,
    ...['--mode', mode, '--precision', precision, '--threads', String(threads)],
    ...(mode === 'relay' ? ['--formulation', formulation] : []),
    ...(compile ? ['--compile'] : []),
  ];
}

/**
 * @param {string} name
 * @param {string[]} commandArgs
 * @param {string} [command]
 */
function start(name, commandArgs, command = process.execPath) {
  const contender = new Contender(name, command, commandArgs);
  alive.add(contender);
  return contender;
}

/** @param {Record<string, any>[]} rows */
function table(rows) {
  const header = [
    'case',
    'precision',
    'mode',
    'formulation',
    'relaybp',
    'other',
    'ratio',
    'of best',
    'RSS',
    'other RSS',
  ];
  /** Of the fastest of PyTorch's forms for the same case. */
  const best = (/** @type {Record<string, any>} */ row) =>
    Math.min(
      ...rows
        .filter((other) => ['case', 'precision', 'mode'].every((key) => other[key] === row[key]))
        .filter((other) => other.formulation !== 'own-bp')
        .map((other) => other.ratio),
    ).toFixed(3);
  const cells = rows.map((row) => {
    const own = row.formulation === 'own-bp';
    const other = own ? row.relaybp_bp_img_s : row.pytorch_img_s;
    const otherRss = own ? row.relaybp_bp_rss_mb : row.pytorch_rss_mb;
    const ratio = own
      ? `${row.time_ratio.toFixed(3)} = ${row.ratio.toFixed(3)} x ${row.multiply_adds_ratio.toFixed(3)}`
      : `${row.ratio.toFixed(3)} (${row.ratio_min.toFixed(3)}-${row.ratio_max.toFixed(3)})`;
    return [
      row.case,
      row.precision,
      row.mode,
      row.formulation,
      row.relaybp_img_s.toFixed(2),
      other.toFixed(2),
      ratio,
      own ? '' : best(row),
      row.relaybp_rss_mb.toFixed(0),
      otherRss.toFixed(0),
    ];
  });
  return [
    columns(header, cells, 4),
    '',
    'images per second; ratio: relaybp over PyTorch, median of the rounds (smallest to largest);',
    "of best: over the fastest of PyTorch's forms that were measured; RSS: peak, MiB",
    'own-bp: other is relaybp in mode bp; time of relay over bp = ratio x multiply-adds of relay over bp',
  ].join('\n');
}

async function main() {
  if (args.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const todo = comparisons();
  const python = todo.some(({ mode }) => mode !== 'own') ? benchPython(args.python, note) : '';
  const rows = [];
  for (const comparison of todo) {
    const { case: of, precision, mode, formulation, compile } = comparison;
    note([of.name, precision, mode, formulation, ...(compile ? ['torch.compile'] : [])].join(', '));
    try {
      const row = await compare(comparison, python);
      rows.push(row);
      if (args.json) process.stdout.write(`${JSON.stringify(row)}\n`);
    } catch (error) {
      // What one comparison cannot do is said, and the others go on.
      note(`  failed: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    }
  }
  if (!args.json && rows.length > 0) process.stdout.write(`${table(rows)}\n`);
}

process.on('SIGINT', () => {
  for (const contender of alive) contender.kill();
  rmSync(work, { recursive: true, force: true });
  process.exit(130);
});
try {
  await main();
} catch (error) {
  note(`error: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
} finally {
  rmSync(work, { recursive: true, force: true });
}
