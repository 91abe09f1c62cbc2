import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installedMpi, type MpiName } from '../../src/distributed/locate-mpi.js';

/** An installed MPI, as users start it. */
export interface Launcher {
  /** For the names of tests. */
  readonly name: string;
  /** Of the package. */
  readonly mpi: MpiName;
  readonly mpirun: string;
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Open MPI refuses root unless it is asked twice; ranks may be more than processors. */
const AS_ROOT = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };

function of(mpi: MpiName): Launcher[] {
  const folder = installedMpi(mpi);
  if (folder === null) return [];
  const mpirun = join(folder, 'bin', 'mpirun');
  if (mpi === 'openmpi') {
    const options = ['--oversubscribe', '--bind-to', 'none'];
    return [{ name: 'Open MPI', mpi, mpirun, options, env: AS_ROOT }];
  }
  const abi = { RELAYBP_MPI: join(folder, 'lib', 'libmpi_abi.so.1') };
  return [
    { name: 'MPICH', mpi, mpirun, options: [], env: {} },
    { name: "MPICH's standard ABI", mpi, mpirun, options: [], env: abi },
  ];
}

/** Those that `relaybp engine install --mpi` has installed. */
export const LAUNCHERS: readonly Launcher[] = [...of('openmpi'), ...of('mpich')];

/** With RELAYBP_REQUIRE_MPI=1 their tests fail where they are not installed. */
export const REQUIRED = process.env.RELAYBP_REQUIRE_MPI === '1';

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Starts `node ARGS…` as so many ranks. */
export function launch(
  { mpirun, options, env }: Launcher,
  ranks: number,
  args: readonly string[],
  more: { env?: Record<string, string>; cwd?: string } = {},
) {
  const child = spawn(mpirun, [...options, '-n', String(ranks), process.execPath, ...args], {
    env: { ...process.env, ...env, ...more.env },
    cwd: more.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = { code: -1, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text;
  });
  const end = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ ...ended, code: code ?? -1 }));
  });
  return { child, ended, end };
}
