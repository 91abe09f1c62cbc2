import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { launchedBy } from '../../src/distributed/launcher.js';
import { libraryCandidates } from '../../src/distributed/libraries.js';

const OPEN_MPI = {
  OMPI_COMM_WORLD_SIZE: '4',
  OMPI_COMM_WORLD_RANK: '3',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2',
  OMPI_COMM_WORLD_LOCAL_RANK: '1',
  PMIX_RANK: '3',
};
const MPICH = { PMI_SIZE: '4', PMI_RANK: '3', MPI_LOCALNRANKS: '2', MPI_LOCALRANKID: '1' };
/** As srun's tasks have it. */
const STEP = {
  SLURM_STEP_ID: '0',
  SLURM_STEP_NUM_TASKS: '4',
  SLURM_STEP_NODELIST: 'n[1-2]',
  SLURM_STEP_TASKS_PER_NODE: '2(x2)',
  SLURM_PROCID: '3',
  SLURM_LOCALID: '1',
};
const here = { rank: 3, size: 4, local: { rank: 1, size: 2 } };

test('the launchers of Open MPI, MPICH and Slurm are told by their variables', () => {
  expect(launchedBy(OPEN_MPI)).toEqual({ by: 'openmpi', ...here });
  expect(launchedBy(MPICH)).toEqual({ by: 'mpich', ...here });
  expect(launchedBy({ ...STEP, PMIX_RANK: '3' })).toEqual({ by: 'openmpi', ...here });
  expect(launchedBy({ ...STEP, PMI_SIZE: '4', PMI_RANK: '3' })).toEqual({ by: 'any', ...here });
});

test('a process alone is none of several, also within a job of Slurm', () => {
  expect(launchedBy({})).toBeNull();
  expect(launchedBy({ ...OPEN_MPI, OMPI_COMM_WORLD_SIZE: '1' })).toBeNull();
  expect(launchedBy({ SLURM_JOB_ID: '7', SLURM_NTASKS: '4', SLURM_PROCID: '0' })).toBeNull();
});

test('processes that srun has started without MPI refuse to train four times', () => {
  expect(() => launchedBy(STEP)).toThrow(
    'srun has started 4 processes that cannot find each other: there is neither PMIX_RANK nor PMI_SIZE',
  );
});

test('the library beside the launcher is tried first, then the system, then what was installed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaybp-mpi-'));
  const own = join(folder, 'own');
  const root = join(folder, 'installed');
  const beside = join(own, 'lib', 'libmpi.so.40');
  const fetched = join(root, 'openmpi-5.0.11', 'lib', 'libmpi.so.40');
  for (const path of [beside, fetched]) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, '');
  }
  const launcher = join(own, 'bin', 'prterun');
  const options = { named: undefined, launcher, root };
  expect(libraryCandidates({ by: 'openmpi' }, options)).toEqual([beside, 'libmpi.so.40', fetched]);
  expect(libraryCandidates({ by: 'mpich' }, options)).toEqual([
    'libmpi.so.12',
    'libmpich.so.12',
    'libmpi_abi.so.1',
    'libmpi_abi.so.0',
  ]);
  expect(libraryCandidates({ by: 'mpich' }, { ...options, named: '/x/libmpi.so' })).toEqual([
    '/x/libmpi.so',
  ]);
});
