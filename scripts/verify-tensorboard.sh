#!/usr/bin/env bash
# Reads a run's event files with the real tensorboard package, in a virtual environment that is made once.
#
#   scripts/verify-tensorboard.sh RUN
#
# The environment lies in a per-user cache folder, or in RELAYBP_VENVS.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/requirements-tensorboard.txt
venvs=${RELAYBP_VENVS:-${XDG_CACHE_HOME:-$HOME/.cache}/relaybp/venvs}
venv=$venvs/tensorboard-$(sha256sum <"$requirements" | cut -c1-12)
if [ ! -f "$venv/complete" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  touch "$venv/complete"
fi
exec "$venv/bin/python" "$here/verify-tensorboard.py" "$@"
