/**
 * `npm run demo`: prepares a small data set, trains a relay network on it with the real command line and says what
 * came out. Arguments go to `relaybp train`: `npm run demo -- --engine wasm`.
 *
 * Exit code: 0 if the network beats always naming the largest class, the training's own code if that failed
 * (130: interrupted), else 1.
 */
import { spawn } from 'node:child_process';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baselines, countImages, prepareDemo } from './demo/prepare.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLI = 'bin/relaybp.js';
const CONFIG = 'configs/demo-emoji.yaml';

/**
 * @param {string[]} args for `relaybp train`
 * @returns {Promise<number>} exit code
 */
async function demo(args) {
  if (args.some((arg) => ['--help', '-h', '--print-config'].includes(arg))) {
    return (await relaybp(['train', CONFIG, ...args])).code;
  }
  const started = performance.now();
  await prepare(process.env.DEMO_EMOJI || 'data/demo-emoji');

  // A run that is resumed stays where it is; it is the newest one afterwards.
  const resumed = args.some((arg) => arg.startsWith('--resume'));
  const run = optionOf(args, '--out') ?? (resumed ? undefined : newRun());
  const out = run === undefined || optionOf(args, '--out') ? [] : ['--out', run];
  print(`\ntraining: node ${[CLI, 'train', CONFIG, ...args].join(' ')}`);
  print(`to watch it, in another terminal:\n  node ${CLI} watch ${run ?? 'runs'}`);
  const training = await relaybp(['train', CONFIG, ...out, ...args]);
  if (training.code !== 0) {
    print(
      training.code === 130
        ? '\ninterrupted; go on with: npm run demo -- --resume'
        : `\nThe training failed (exit code ${training.code}).`,
    );
    return training.code;
  }

  print('\nevaluating the last checkpoint, without the auxiliary head');
  const engine = optionOf(args, '--engine');
  const evaluation = await relaybp(
    [
      'eval',
      ...(run === undefined ? [] : [run]),
      ...(engine === undefined ? [] : ['--engine', engine]),
      ...['--checkpoint', 'last', '--json'],
    ],
    { capture: true },
  );
  if (evaluation.code !== 0) return evaluation.code;
  return report(JSON.parse(evaluation.output), performance.now() - started);
}

/** @param {string} target */
async function prepare(target) {
  const since = performance.now();
  print(`data: ${target}`);
  const created = await prepareDemo(target);
  for (const part of ['train', 'val']) {
    const counts = countImages(join(target, part));
    const sizes = Object.values(counts).sort((a, b) => a - b);
    const images = sizes.reduce((sum, size) => sum + size, 0);
    print(
      `  ${part.padEnd(5)} ${images} images in ${sizes.length} classes of ${sizes[0]} to ${sizes.at(-1)}`,
    );
  }
  print(created ? `  prepared in ${seconds(performance.now() - since)}` : '  already prepared');
}

/**
 * Result against the baselines, and what to type next.
 *
 * @param {{ checkpoint: string, data: string, top1: number, top5: number, engine: string }} result of `eval --json`
 * @param {number} elapsed in ms
 * @returns {number} exit code
 */
function report(result, elapsed) {
  const base = baselines(countImages(result.data));
  const run = relative(ROOT, join(result.checkpoint, '..', '..'));
  const beaten = result.top1 > base.majority.top1;
  const row = (/** @type {string} */ name, /** @type {{ top1: number, top5: number }} */ score) =>
    `  ${name.padEnd(36)}${percent(score.top1)}${percent(score.top5)}`;
  print(
    [
      '',
      `Result on ${base.images} validation images of ${base.classes} classes, drawn by another`,
      'artist than the training images:',
      '',
      `  ${''.padEnd(36)}     top-1     top-5`,
      row('this network', result),
      row(`always the largest (${base.largest})`, base.majority),
      row('chance', base.chance),
      '',
      beaten
        ? `It beats the largest class by ${(result.top1 - base.majority.top1).toFixed(1)} points, after ${seconds(elapsed)} on the ${result.engine} engine.`
        : 'It does NOT beat always naming the largest class: this demo has failed.',
      `Run folder: ${run}`,
      '      config, metrics, checkpoints and log',
      '',
      'What to type next:',
      `  node ${CLI} report ${run}`,
      '      report.html, a page to open: curves, ranges, classes, mistakes and images',
      `  node ${CLI} watch runs`,
      '      the same page of all runs, in a browser, following those that are training',
      `  node ${CLI} eval ${run} --checkpoint last`,
      '      this evaluation again; --results predictions.csv writes every prediction',
      `  node ${CLI} plan ${CONFIG}`,
      '      the network, the range of each loss, and the training step',
      `  node ${CLI} init <your images>`,
      '      your own images, one folder per class: writes a commented config to train',
      ...(result.engine === 'native'
        ? []
        : [
            `  node ${CLI} engine install`,
            '      the native engine: several times faster, and needed for large networks',
          ]),
    ].join('\n'),
  );
  return beaten ? 0 : 1;
}

/**
 * Run the real command line. It shares the terminal, so signals of the keyboard reach it: it ends its step, and this
 * process waits for it.
 *
 * @param {string[]} args
 * @param {{ capture?: boolean }} [options] capture: return stdout instead of showing it
 * @returns {Promise<{ code: number, output: string }>}
 */
async function relaybp(args, { capture = false } = {}) {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['inherit', capture ? 'pipe' : 'inherit', 'inherit'],
  });
  const wait = () => {};
  const forward = () => child.kill('SIGTERM');
  process.on('SIGINT', wait);
  process.on('SIGTERM', forward);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? 1));
    });
    return { code, output };
  } finally {
    process.off('SIGINT', wait);
    process.off('SIGTERM', forward);
  }
}

/**
 * The value of `--name value` or `--name=value`.
 *
 * @param {string[]} args
 * @param {string} name
 * @returns {string | undefined}
 */
function optionOf(args, name) {
  const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  if (at < 0) return undefined;
  return args[at] === name ? args[at + 1] : args[at].slice(name.length + 1);
}

/** Named as `relaybp train` names runs. */
const newRun = () =>
  join('runs', `demo-emoji-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`);

const print = (/** @type {string} */ text) => void process.stdout.write(`${text}\n`);
const percent = (/** @type {number} */ value) => `${value.toFixed(1).padStart(8)} %`;
const seconds = (/** @type {number} */ ms) => `${Math.round(ms / 1000)} s`;

process.chdir(ROOT);
try {
  process.exitCode = await demo(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
