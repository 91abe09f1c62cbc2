/** `relaybp launch`: starts ranks by the launcher of an MPI that is there. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import { installedMpi, type MpiName } from './locate-mpi.js';

export interface LaunchOptions {
  readonly ranks: number;
  /** Names of hosts, which share the ranks evenly; none: this machine. */
  readonly hosts: readonly string[];
  /** The program, with its arguments, that each rank runs. */
  readonly command: readonly string[];
}

interface Found {
  readonly mpi: MpiName;
  readonly mpirun: string;
}

/** Milliseconds in which a second signal is the same as the first: programs pass on what the terminal sends, too. */
const SAME = 500;

/**
 * Runs ranks until they end. What asks this process to end lets them finish the step and save; a second time it ends them.
 *
 * @returns the launcher's exit code
 * @throws EngineError if there is no launcher
 */
export async function launch(options: LaunchOptions): Promise<number> {
  const found = findLauncher();
  const [program, ...rest] = options.command;
  const child = spawn(found.mpirun, [...launcherArguments(found.mpi, options), program!, ...rest], {
    stdio: ['ignore', 'inherit', 'inherit'],
    // Of its own group: what a terminal sends reaches it by us alone.
    detached: true,
    env: { ...process.env, ...asRoot(found.mpi) },
  });
  const off = passSignals(child);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? 1));
    });
  } finally {
    off();
  }
}

/** Of the ranks' launcher; `mpirun`'s own options come before the program. */
export function launcherArguments(
  mpi: MpiName,
  { ranks, hosts }: Pick<LaunchOptions, 'ranks' | 'hosts'>,
): string[] {
  const each = Math.ceil(ranks / Math.max(1, hosts.length));
  const count = ['-n', String(ranks)];
  if (mpi === 'mpich') {
    return hosts.length > 0 ? ['-hosts', hosts.join(','), '-ppn', String(each), ...count] : count;
  }
  const places = hosts.length > 0 ? ['--host', hosts.map((host) => `${host}:${each}`).join()] : [];
  return ['--oversubscribe', '--bind-to', 'none', ...places, ...count];
}

/** The system's, else what `relaybp engine install --mpi` has fetched. */
function findLauncher(): Found {
  for (const mpirun of ['mpirun', 'mpiexec']) {
    const { status, stdout } = spawnSync(mpirun, ['--version'], { encoding: 'utf8' });
    if (status !== 0) continue;
    if (/Open MPI|prte/i.test(stdout)) return { mpi: 'openmpi', mpirun };
    if (/HYDRA|Intel|MVAPICH/i.test(stdout)) return { mpi: 'mpich', mpirun };
  }
  for (const mpi of ['openmpi', 'mpich'] as const) {
    const folder = installedMpi(mpi);
    if (folder !== null) return { mpi, mpirun: join(folder, 'bin', 'mpirun') };
  }
  throw new EngineError(
    'there is no mpirun on PATH, and none was installed',
    'relaybp engine install --mpi, which needs no root; or the system package: apt install openmpi-bin',
  );
}

/** Open MPI refuses root unless it is asked twice. Whoever starts this as root has decided. */
function asRoot(mpi: MpiName): Record<string, string> {
  if (mpi !== 'openmpi' || process.getuid?.() !== 0) return {};
  return { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
}

/**
 * Launchers pass SIGUSR1 on, by which ranks finish their step and save. By SIGTERM and SIGINT Open MPI's kills them a
 * quarter of a second later: so these are passed on as such the second time only.
 */
function passSignals(child: ChildProcess): () => void {
  let first: number | null = null;
  const ending = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (first !== null && now - first < SAME) return;
    child.kill(first === null ? 'SIGUSR1' : signal);
    first ??= now;
  };
  const warning = (): void => {
    child.kill('SIGUSR1');
  };
  const endings = ['SIGINT', 'SIGTERM'] as const;
  const warnings = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
  for (const signal of endings) process.on(signal, ending);
  for (const signal of warnings) process.on(signal, warning);
  return () => {
    for (const signal of endings) process.off(signal, ending);
    for (const signal of warnings) process.off(signal, warning);
  };
}
