/** The steps that fill an engine folder: fetch TensorFlow, compile the binding, try it. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../errors.js';
import { TENSORFLOW_VERSION } from '../locate.js';
import { pipSettings } from './pip-settings.js';
import { wheelArguments } from './prerequisites.js';
import { executeLogged } from './process.js';

/** The npm package with the C++ sources of the binding, and its version. */
const BINDING_PACKAGE = '@tensorflow/tfjs-node-gpu';
export const BINDING_VERSION = '4.22.0';
export const NODE_API = 8;
/**
 * Of the npm package's archive, as package-lock.json has it: `npm pack` takes an archive from a mirror as it comes.
 * test/engine/install.test.ts compares the two.
 */
export const BINDING_INTEGRITY =
  'sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==';
/** What pip is to fetch; written by scripts/lock-engine.py. At the same place in the published package. */
const REQUIREMENTS = fileURLToPath(
  new URL('../../../src/engine/install/requirements', import.meta.url),
);
/** Our own C++: in the source tree, and at the same place in the published package. */
const OWN_SOURCES = fileURLToPath(new URL('../../../src/engine/native/cpp', import.meta.url));

/** @param pythonMinor minor version of the Python 3 that runs pip */
export async function fetchTensorFlow(
  directory: string,
  options: { cuda: boolean; pythonMinor: number },
  log: string,
): Promise<void> {
  const requirements = join(REQUIREMENTS, options.cuda ? 'cuda.txt' : 'cpu.txt');
  // Wheels alone, each by its hash: nothing of a package is run, and whatever index they come from, it is these.
  const wheels = ['--no-deps', '--require-hashes', '--only-binary=:all:', '-r', requirements];
  const common = ['--disable-pip-version-check', '--no-input', '--no-compile'];
  const python = wheelArguments(options.pythonMinor);
  await executeLogged(
    {
      what: 'fetching TensorFlow',
      command: 'python3',
      args: [
        '-m',
        'pip',
        'install',
        ...common,
        '--target',
        join(directory, 'python'),
        ...python,
        ...wheels,
      ],
      hint: 'pip must reach PyPI or a mirror of it; behind a proxy set HTTPS_PROXY or PIP_INDEX_URL.',
    },
    log,
    // pip unpacks into TMPDIR first: on the same file system moving is free, and /tmp may be small.
    { TMPDIR: directory, ...(await pipSettings()) },
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
    // Vectors are passed among inlined functions alone.
    '-Wno-psabi',
    `-DNAPI_VERSION=${NODE_API}`,
    // Overruns of buffers end the process; the table of addresses is read-only once it is filled.
    ...['-fstack-protector-strong', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
    ...['-Wformat', '-Werror=format-security', '-Wl,-z,relro,-z,now'],
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
    ...['backend.cc', 'kernels.cc', 'winograd.cc'].map((file) => join(OWN_SOURCES, file)),
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

/** The folder of the C++ sources: of the package where it is installed, as in a checkout, else fetched alone. */
async function bindingSources(directory: string, log: string): Promise<string> {
  const own = resolvePackage();
  if (own) return join(own, 'binding');
  const folder = join(directory, 'npm');
  await mkdir(folder);
  const packed = await executeLogged(
    {
      what: `fetching ${BINDING_PACKAGE}`,
      command: 'npm',
      // Packed, not installed: its install script fetches another TensorFlow, and nothing that it depends on is needed.
      args: ['pack', `${BINDING_PACKAGE}@${BINDING_VERSION}`, '--pack-destination', folder],
      hint: 'npm must reach its registry or a mirror of it.',
    },
    log,
    { npm_config_ignore_scripts: 'true', npm_config_loglevel: 'error' },
  );
  const archive = join(folder, packed.trim().split('\n').at(-1)!);
  const sum = createHash('sha512')
    .update(await readFile(archive))
    .digest('base64');
  if (`sha512-${sum}` !== BINDING_INTEGRITY) {
    throw new EngineError(
      `${BINDING_PACKAGE} ${BINDING_VERSION}: what npm has fetched is not that package: its SHA-512 is ${sum}, not ${BINDING_INTEGRITY.slice(7)}`,
      'check which registry npm asks (npm config get registry)',
    );
  }
  await executeLogged(
    {
      what: `unpacking ${BINDING_PACKAGE}`,
      command: 'tar',
      args: ['-xzf', archive, '-C', folder, 'package/binding'],
      hint: 'tar and gzip are needed.',
    },
    log,
  );
  return join(folder, 'package', 'binding');
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
