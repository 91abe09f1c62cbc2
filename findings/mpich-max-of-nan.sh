#!/usr/bin/env bash
# MPICH 5.0.2 (PyPI's wheels mpich 5.0.2 and mpi4py 4.1.2): where one process brings NaN, MPI_Allreduce with MPI_MAX gives
# the processes different results.
#
# Two processes; one brings NaN, the other 1. Of one value, each process ends with what the other brought: NaN on one, 1 on
# the other, although the result of an all-reduce is the same everywhere. Of 16 values, all of them this way, both have NaN
# in one half of the places and 1 in the other. The maximum is compared in a way that no comparison with NaN holds in, so the
# first argument wins, and which of the two comes first differs from process to process and from place to place. Whoever
# asks by the largest of all values whether a training has diverged gets two answers: one process stops, the other waits for
# it for ever. Sums are NaN everywhere, as they should be; 0 or 1 for "not finite" is a safe thing to ask the maximum of.
#
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check mpich==5.0.2 mpi4py==4.1.2
cat > try.py <<'PY'
import array, math
from mpi4py import MPI

world = MPI.COMM_WORLD
rank = world.Get_rank()

def reduced(values, operation):
    out = array.array('f', [0] * len(values))
    world.Allreduce([array.array('f', values), MPI.FLOAT], [out, MPI.FLOAT], op=operation)
    return out

own = math.nan if rank == 0 else 1.0
text = lambda values: ' '.join('NaN' if math.isnan(v) else f'{v:g}' for v in values)
one, many, total = reduced([own], MPI.MAX), reduced([own] * 16, MPI.MAX), reduced([own], MPI.SUM)
said = world.gather((text(one), text(many), text(total)))
if rank == 0:
    print(MPI.Get_library_version().split('\n')[0].strip())
    for r, (a, b, c) in enumerate(said):
        print(f'process {r}: largest of one value: {a}; of 16: {b}; sum: {c}')
    differ = said[0][0] != said[1][0]
    halves = all(0 < b.split().count('NaN') < 16 for _, b, _ in said)
    sums = all(c == 'NaN' for _, _, c in said)
    same = differ and halves and sums
    print('as described' if same else 'CHANGED')
    open('same' if same else 'changed', 'w').close()
PY
env/bin/mpiexec -n 2 env/bin/python try.py
test -e same
