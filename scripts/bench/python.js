/** The Python that the benchmarks compare with: a virtual environment of their own, in the user's cache. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { userCache } from '../../dist/user-cache.js';

const REQUIREMENTS = fileURLToPath(new URL('../requirements-bench.txt', import.meta.url));

/**
 * The interpreter of the environment, which is made and filled first where it is missing or incomplete.
 *
 * @param {string | undefined} given an interpreter to use instead; it must have the pinned PyTorch
 * @param {(line: string) => void} log
 * @returns {string} path of `python`
 */
export function benchPython(given, log) {
  if (given) {
    checkTorch(given);
    return given;
  }
  const text = readFileSync(REQUIREMENTS, 'utf8');
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const cache = userCache('RELAYBP_BENCH_PYTHON');
  const folder = process.env.RELAYBP_BENCH_PYTHON ?? join(cache, `bench-python-${hash}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete) && readFileSync(complete, 'utf8') === hash) return python;
  log(`installing PyTorch ${pinned('torch')} and Pillow ${pinned('pillow')} into ${folder}`);
  rmSync(complete, { force: true });
  mkdirSync(dirname(folder), { recursive: true });
  run('python3', ['-m', 'venv', '--clear', folder]);
  run(python, ['-m', 'pip', 'install', '--quiet', '-r', REQUIREMENTS]);
  checkTorch(python);
  writeFileSync(complete, hash);
  return python;
}

/** @param {string} name of a package in the requirements */
export function pinned(name) {
  const line = readFileSync(REQUIREMENTS, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}==`));
  if (!line) throw new Error(`scripts/requirements-bench.txt does not pin ${name}`);
  return line.slice(name.length + 2).trim();
}

/** @param {string} python */
function checkTorch(python) {
  const code = 'import torch; print(torch.__version__)';
  const found = execFileSync(python, ['-c', code], { encoding: 'utf8' }).trim();
  // "2.13.0+cpu" is a build of 2.13.0.
  if (found.split('+')[0] === pinned('torch')) return;
  throw new Error(
    `${python} has PyTorch ${found}; the comparison is with ${pinned('torch')}: leave --python out, and one is installed`,
  );
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  if (error) throw new Error(`${command} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with code ${status}`);
}
