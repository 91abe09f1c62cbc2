/** By what this process was started: the launchers of MPI say so in the environment. */
import { ConfigError } from '../errors.js';

/** What the launcher says of this process. */
export interface Launched {
  /** Whose launcher it is; `any`: one that starts the programs of either. */
  readonly by: 'openmpi' | 'mpich' | 'any';
  readonly rank: number;
  readonly size: number;
  readonly local: { readonly rank: number; readonly size: number };
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @returns null for a process on its own
 * @throws ConfigError where several were started that cannot know of each other
 */
export function launchedBy(env: Environment = process.env): Launched | null {
  const found = openMpi(env) ?? mpich(env) ?? slurm(env);
  return found && found.size > 1 ? found : null;
}

/** Whether a launcher has started this: it may give each process a terminal of no width, even where all goes into a file. */
export const underLauncher = (env: Environment = process.env): boolean =>
  [env.OMPI_COMM_WORLD_SIZE, env.PMI_SIZE, env.PMIX_RANK].some((value) => value !== undefined);

/** mpirun and mpiexec of Open MPI, and of what starts its programs by PMIx with its variables. */
function openMpi(env: Environment): Launched | null {
  const size = number(env.OMPI_COMM_WORLD_SIZE);
  if (size === null) return null;
  return {
    by: 'openmpi',
    rank: number(env.OMPI_COMM_WORLD_RANK) ?? 0,
    size,
    local: {
      rank: number(env.OMPI_COMM_WORLD_LOCAL_RANK) ?? 0,
      size: number(env.OMPI_COMM_WORLD_LOCAL_SIZE) ?? 1,
    },
  };
}

/** mpiexec of MPICH and those made from it (Intel MPI, MVAPICH). */
function mpich(env: Environment): Launched | null {
  const size = number(env.PMI_SIZE);
  if (size === null) return null;
  const local = slurmLocal(env);
  return {
    by: env.SLURM_PROCID === undefined ? 'mpich' : 'any',
    rank: number(env.PMI_RANK) ?? 0,
    size,
    local: {
      rank: number(env.MPI_LOCALRANKID) ?? local.rank,
      size: number(env.MPI_LOCALNRANKS) ?? local.size,
    },
  };
}

/** srun with PMIx, or without anything by which its processes find each other. */
function slurm(env: Environment): Launched | null {
  const size = number(env.SLURM_STEP_NUM_TASKS);
  if (size === null || size < 2 || env.SLURM_STEP_ID === undefined) return null;
  // The script of a job has the variables of the job, and is no task of a step.
  if (env.SLURM_PROCID === undefined || env.SLURM_STEP_NODELIST === undefined) return null;
  if (env.PMIX_RANK === undefined) {
    throw new ConfigError(
      `srun has started ${size} processes that cannot find each other: there is neither PMIX_RANK nor PMI_SIZE in the environment`,
      'srun --mpi=pmix for Open MPI, srun --mpi=pmi2 for MPICH; srun --mpi=list shows what there is',
    );
  }
  return { by: 'openmpi', rank: number(env.PMIX_RANK) ?? 0, size, local: slurmLocal(env) };
}

function slurmLocal(env: Environment): Launched['local'] {
  const [, tasks] = /^(\d+)/.exec(env.SLURM_STEP_TASKS_PER_NODE ?? '') ?? [];
  return { rank: number(env.SLURM_LOCALID) ?? 0, size: number(tasks) ?? 1 };
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}
