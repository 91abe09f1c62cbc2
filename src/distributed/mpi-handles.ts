/** What a library of MPI calls its constants: each of the three families has its own. */

export type Family = 'openmpi' | 'mpich' | 'abi';

/** How handles are passed, and what they are. Addresses are of symbols of the library. */
export interface Handles {
  /** C type of MPI_Comm, MPI_Datatype, MPI_Op and MPI_Request. */
  readonly type: 'int' | 'intptr_t';
  readonly world: number | string;
  readonly float32: number | string;
  readonly float64: number | string;
  readonly byte: number | string;
  readonly sum: number | string;
  /** `MPI_IN_PLACE`, as an address. */
  readonly inPlace: number;
  /** `MPI_THREAD_FUNNELED` */
  readonly funneled: number;
}

export const HANDLES: Readonly<Record<Family, Handles>> = {
  /** A handle is the address of a variable of the library, whose name stands here. */
  openmpi: {
    type: 'intptr_t',
    world: 'ompi_mpi_comm_world',
    float32: 'ompi_mpi_float',
    float64: 'ompi_mpi_double',
    byte: 'ompi_mpi_byte',
    sum: 'ompi_mpi_op_sum',
    inPlace: 1,
    funneled: 1,
  },
  /** MPICH, Intel MPI, MVAPICH, Cray MPICH: the "MPICH ABI". */
  mpich: {
    type: 'int',
    world: 0x44000000,
    float32: 0x4c00040a,
    float64: 0x4c00080b,
    byte: 0x4c00010d,
    sum: 0x58000003,
    inPlace: -1,
    funneled: 1,
  },
  /** The standard ABI of MPI 5. */
  abi: {
    type: 'intptr_t',
    world: 0x101,
    float32: 0x210,
    float64: 0x214,
    byte: 0x247,
    sum: 0x21,
    inPlace: 1,
    funneled: 1024,
  },
};
