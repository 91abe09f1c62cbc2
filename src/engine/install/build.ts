/** The steps that fill an engine folder: fetch TensorFlow, compile the binding, try it. */
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../errors.js';
import { TENSORFLOW_VERSION } from '../locate.js';
import { wheelArguments } from './prerequisites.js';
import { executeLogged } from './process.js';

/** The npm package with the C++ sources of the binding, and its version. */
const BINDING_PACKAGE = '@tensorflow/tfjs-node-gpu';
export const BINDING_VERSION = '4.22.0';
export const NODE_API = 8;
/** Our own C++: in the source tree, and at the same place in the published package. */
const OWN_SOURCES = fileURLToPath(new URL('../../../src/engine/native/cpp', import.meta.url));

/** @param pythonMinor minor version of the Python 3 that runs pip */
export async function fetchTensorFlow(
  directory: string,
  options: { cuda: boolean; pythonMinor: number },
  log: string,
): Promise<void> {
  const wheel = options.cuda
    ? [`tensorflow[and-cuda]==${TENSORFLOW_VERSION}`]
    : [
        '--no-deps',
        ...wheelArguments(options.pythonMinor),
        `tensorflow-cpu==${TENSORFLOW_VERSION}`,
      ];
  const common = ['--disable-pip-version-check', '--no-input', '--no-compile'];
  await executeLogged(
    {
      what: 'fetching TensorFlow',
      command: 'python3',
      args: ['-m', 'pip', 'install', ...common, '--target', join(directory, 'python'), ...wheel],
      hint: 'pip must reach PyPI or a mirror of it; behind a proxy set HTTPS_PROXY or PIP_INDEX_URL.',
    },
    log,
    // pip unpacks into TMPDIR first: on the same file system moving is free, and /tmp may be small.
    { TMPDIR: directory, PIP_USER: '0' },
  );
}

/** Compiles `tfjs_binding.node` and `engine_loader.node`. The folder may be moved afterwards. */
export async function compileBinding(directory: string, log: string): Promise<void> {
  const sources = await bindingSources(directory, log);
  const require = createRequire(import.meta.url);
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const tensorflow = join(directory, 'python', 'tensorflow');
  const common = [
    '-O3',
    '-fno-math-errno',
    '-std=c++17',
    '-fPIC',
    '-shared',
    '-pthread',
    `-DNAPI_VERSION=${NODE_API}`,
  ];
  const compile = (output: string, args: string[]) =>
    executeLogged(
      {
        what: `compiling ${output}`,
        command: 'g++',
        args: [...common, '-DBUILDING_NODE_EXTENSION', '-I', headers, ...args],
        hint: 'g++ 9 or newer is needed.',
      },
      log,
    );
  await compile('the binding', [
    ...['-isystem', join(tensorflow, 'include'), '-I', sources],
    // `backend.cc` includes the package's `tfjs_backend.cc`.
    ...['backend.cc', 'kernels.cc'].map((file) => join(OWN_SOURCES, file)),
    join(sources, 'tfjs_binding.cc'),
    ...['-o', join(directory, 'tfjs_binding.node')],
    ...['-L', tensorflow, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
    // Relative to the binding itself, as the folder gets its final name last.
    '-Wl,-rpath,$ORIGIN/python/tensorflow',
  ]);
  await compile('the loader', [
    join(OWN_SOURCES, 'loader.cc'),
    ...['-o', join(directory, 'engine_loader.node'), '-ldl'],
  ]);
}

/** The folder of the C++ sources. npm leaves the package out of some installs; it is fetched then. */
async function bindingSources(directory: string, log: string): Promise<string> {
  const own = resolvePackage();
  if (own) return join(own, 'binding');
  const prefix = join(directory, 'npm');
  const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix];
  await executeLogged(
    {
      what: `fetching ${BINDING_PACKAGE}`,
      command: 'npm',
      args: ['install', ...flags, `${BINDING_PACKAGE}@${BINDING_VERSION}`],
      hint: 'npm must reach its registry or a mirror of it.',
    },
    log,
  );
  return join(prefix, 'node_modules', BINDING_PACKAGE, 'binding');
}

function resolvePackage(): string | undefined {
  try {
    const path = createRequire(import.meta.url).resolve(`${BINDING_PACKAGE}/package.json`);
    return existsSync(join(dirname(path), 'binding')) ? dirname(path) : undefined;
  } catch {
    return undefined;
  }
}

/** Removes what only the build needed: of TensorFlow two libraries and its notices stay, and all of CUDA. */
export async function prune(directory: string): Promise<void> {
  const python = join(directory, 'python');
  const tensorflow = join(python, 'tensorflow');
  for (const name of await readdir(python)) {
    const keep =
      name === 'tensorflow' || name === 'nvidia' || /^(tensorflow|nvidia).*\.dist-info$/.test(name);
    if (!keep) await rm(join(python, name), { recursive: true });
  }
  for (const name of await readdir(tensorflow)) {
    const keep = /^libtensorflow_.*\.so\.2$|NOTICES|LICENSE/.test(name);
    if (!keep) await rm(join(tensorflow, name), { recursive: true });
  }
  await rm(join(directory, 'npm'), { recursive: true, force: true });
}

/**
 * Convolves 3x3 pixels with a 2x2 filter in a process of its own, so that a crash is a message:
 * 1·1 + 2·10 + 4·100 + 5·1000 = 5421, and so on for the other three positions.
 */
const EXPECTED = [5421, 6532, 8754, 9865];
const CHECK = `
process.env.TF_CPP_MIN_LOG_LEVEL = '3';
const b = require(process.argv[1]);
const pixels = b.createTensor([1, 3, 3, 1], 1, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
const filter = b.createTensor([2, 2, 1, 1], 1, Float32Array.of(1, 10, 100, 1000));
const attributes = [
  { name: 'T', type: b.TF_ATTR_TYPE, value: 1 },
  { name: 'strides', type: b.TF_ATTR_INT, value: [1, 1, 1, 1] },
  { name: 'padding', type: b.TF_ATTR_STRING, value: 'VALID' },
];
const [y] = b.executeOp('Conv2D', attributes, [pixels, filter], 1);
console.log(JSON.stringify({ version: b.TF_Version, values: [...b.tensorDataSync(y.id)] }));
`;

/** @throws EngineError if the binding does not load in a fresh process or computes a wrong convolution */
export async function verify(directory: string, log: string): Promise<void> {
  const binding = join(directory, 'tfjs_binding.node');
  const stdout = await executeLogged(
    { what: 'trying the engine', command: process.execPath, args: ['-e', CHECK, binding] },
    log,
  );
  const expected = JSON.stringify({ version: TENSORFLOW_VERSION, values: EXPECTED });
  if (stdout.trim() !== expected) {
    throw new EngineError(`the new engine computes ${stdout.trim()} instead of ${expected}`);
  }
}

/** Moves `from` to `to` in one step. @returns false if something else is already there */
export async function moveInto(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}
