/**
 * Indexes of the size of Places2: 8.1 million images in 401 classes. How long a start takes with a kept index, how much
 * memory it needs, and how fast folders of real files are read. See docs/benchmarks.md.
 *
 *     node scripts/bench-index.js
 *     node scripts/bench-index.js --parts scan --files 10000,100000 --json
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchmark, columns, count, list, note } from './bench/options.js';

const PROGRAM = fileURLToPath(new URL('bench/index-process.js', import.meta.url));
const PARTS = ['start', 'scan'];

const USAGE = `usage: node scripts/bench-index.js [options]
  --parts LIST    of ${PARTS.join(', ')} (default: all)
  --images N      of the synthetic index of 'start' (default: 8100000)
  --classes N     of both (default: 401)
  --images-from FOLDER  real images to be drawn in 'start', a folder of class folders
                  (default: 16 that are made, 256x256)
  --files LIST    files to make for 'scan' (default: 10000,100000,400000)
  --dir FOLDER    where to make files (default: the system's temporary folder)
  --keep          leave the files there
  --json          one line of JSON per row instead of tables`;

const { values: args } = parseArgs({
  options: {
    parts: { type: 'string', default: PARTS.join() },
    images: { type: 'string', default: '8100000' },
    classes: { type: 'string', default: '401' },
    'images-from': { type: 'string' },
    files: { type: 'string', default: '10000,100000,400000' },
    dir: { type: 'string', default: tmpdir() },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/**
 * A step in a process of its own, so that its memory and its start are measured.
 *
 * @param {string} step
 * @param {Record<string, unknown>} options
 * @returns {Record<string, number>}
 */
function run(step, options) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [PROGRAM, step, JSON.stringify(options)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`${step}: ${stderr.trim() || `ended with ${status}`}`);
  return JSON.parse(stdout);
}

/**
 * Empty files, evenly over the classes. The folders get an old time, so that their index can be kept.
 *
 * @param {string} folder
 * @param {number} files
 * @param {number} classes
 */
function makeFiles(folder, files, classes) {
  for (let c = 0; c < classes; c++) {
    const path = join(folder, `class-${String(c).padStart(3, '0')}`);
    mkdirSync(path, { recursive: true });
    for (let i = c; i < files; i += classes) {
      closeSync(openSync(join(path, `${String(i).padStart(8, '0')}.jpg`), 'w'));
    }
    utimesSync(path, 1e9, 1e9);
  }
  utimesSync(folder, 1e9, 1e9);
}

const seconds = (/** @type {number} */ ms) => (ms / 1000).toFixed(2);
const thousands = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');

await benchmark(USAGE, args.help, async () => {
  const parts = list(args.parts, PARTS, '--parts');
  const classes = count(args.classes, '--classes');
  const work = mkdtempSync(join(args.dir, 'relaybp-bench-'));
  const print = (/** @type {object} */ row) => process.stdout.write(`${JSON.stringify(row)}\n`);
  try {
    if (parts.includes('start')) {
      const options = {
        images: count(args.images, '--images'),
        classes,
        folder: join(work, 'start'),
        cache: join(work, 'cache'),
        from: args['images-from'] ?? null,
      };
      note(`start: making an index of ${thousands(options.images)} images`);
      const made = run('make', options);
      note('start: opening it');
      const first = run('start', options);
      const row = { part: 'start', images: options.images, classes, ...made, ...first };
      if (args.json) print(row);
      else process.stdout.write(`${startText(row)}\n`);
    }
    if (!parts.includes('scan')) return;
    const rows = [];
    for (const text of args.files.split(',')) {
      const files = count(text, '--files');
      const folder = join(work, `scan-${files}`);
      note(`scan: making ${thousands(files)} files`);
      makeFiles(folder, files, classes);
      const options = { folder, cache: join(work, 'cache') };
      run('scan', { folder, cache: null }); // once before, so that all sizes are read from the system's memory
      const row = { part: 'scan', files, ...run('scan', options), ...run('open', options) };
      rows.push(row);
      if (args.json) print(row);
      if (!args.keep) rmSync(folder, { recursive: true });
    }
    if (args.json) return;
    const cells = rows.map((row) => [
      thousands(row.files),
      seconds(row.scan_ms),
      thousands(row.files_per_s),
      ((1000 * row.scan_ms) / row.files).toFixed(2),
      seconds(row.open_ms),
      thousands(row.scan_peak_mb),
    ]);
    const header = ['files', 'read, s', 'files/s', 'µs/file', 'kept index, s', 'peak, MiB'];
    process.stdout.write(`\n${columns(header, cells, 0)}\n`);
  } finally {
    if (args.keep) note(`left there: ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
});

/** @param {Record<string, number | string>} row */
function startText(row) {
  const n = (/** @type {string} */ key) => Number(row[key]);
  return [
    `${thousands(n('images'))} images in ${n('classes')} classes, paths of ${thousands(n('path_bytes') / n('images'))} bytes`,
    `  made in ${seconds(n('build_ms'))} s and kept in ${seconds(n('keep_ms'))} s (${thousands(n('file_mb'))} MiB), peak ${thousands(n('make_peak_mb'))} MiB`,
    `  start: index after ${seconds(n('open_ms'))} s, first batch of ${n('batch')} after ${seconds(n('first_batch_ms'))} s from the process's start`,
    `  resident: ${thousands(n('empty_mb'))} MiB before, ${thousands(n('open_mb'))} with the index, ${thousands(n('end_mb'))} after ${thousands(n('drawn'))} images; peak ${thousands(n('start_peak_mb'))} MiB`,
  ].join('\n');
}
