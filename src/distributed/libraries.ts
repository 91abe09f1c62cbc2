/** Where the library of MPI is that fits the launcher. */
import { existsSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Launched } from './launcher.js';
import { MPI_WHEELS, mpiFolder } from './locate-mpi.js';

/** File names of each family, the one that programs are linked to first. */
const NAMES = {
  openmpi: ['libmpi.so.40'],
  mpich: ['libmpi.so.12', 'libmpich.so.12', 'libmpi_abi.so.1', 'libmpi_abi.so.0'],
} as const;

/**
 * Paths and names to try one after another: what the user names, what lies beside the launcher that has started this
 * process, what the system's loader finds, and what `relaybp engine install --mpi` has fetched.
 */
export function libraryCandidates(
  { by }: Pick<Launched, 'by'>,
  { named = process.env.RELAYBP_MPI, launcher = parentProgram(), root = mpiFolder() } = {},
): string[] {
  if (named) return [named];
  const families = by === 'any' ? (['openmpi', 'mpich'] as const) : [by];
  const names = families.flatMap((family) => NAMES[family]);
  const beside = launcher ? join(dirname(dirname(launcher)), 'lib') : null;
  const fetched = families.map((family) => join(root, MPI_WHEELS[family].folder, 'lib'));
  const inFolder = (folder: string): string[] =>
    names.map((name) => join(folder, name)).filter((path) => existsSync(path));
  return [...(beside ? inFolder(beside) : []), ...names, ...fetched.flatMap(inFolder)];
}

/** The program of the process that has started this one: `prterun`, `prted` or `hydra_pmi_proxy` of some folder `bin`. */
function parentProgram(): string | null {
  try {
    return readlinkSync(`/proc/${process.ppid}/exe`);
  } catch {
    return null; // another user's, or no /proc
  }
}
