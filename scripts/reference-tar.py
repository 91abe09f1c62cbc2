#!/usr/bin/env python3
"""Writes test/fixtures/tar: small shards by GNU tar, Python's tarfile and webdataset, and where their members lie.

    pip install webdataset==1.0.2
    scripts/reference-tar.py

members.json has of each shard the names, kinds, offsets and sizes as Python's tarfile finds them.
"""
import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile

import webdataset

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "test/fixtures/tar"
FOLDER.mkdir(exist_ok=True)
LONG = "a" * 90 + "/" + "b" * 120 + "/train/v1.5/cat"


def put(root: pathlib.Path, name: str, contents: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


def gnu_tar(root: pathlib.Path, name: str, *options: str) -> None:
    command = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", *options]
    subprocess.run([*command, "-cf", FOLDER / name, "-C", root, "."], check=True)


with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    for i in range(3):
        put(root, f"{LONG}{i}.Jpg", b"picture %d" % i)
        put(root, f"{LONG}{i}.seg.PNG", b"mask %d" % i)
        put(root, f"{LONG}{i}.cls", b"%d\n" % i)
    put(root, "./README", b"no sample")
    for form in ["gnu", "posix"]:
        gnu_tar(root, f"long-{form}.tar", f"--format={form}")
with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    put(root, "0.jpg", b"the same picture")
    put(root, "0.cls", b"1")
    os.link(root / "0.jpg", root / "1.jpg")
    put(root, "1.cls", b"0")
    put(root, "sub/2.cls", b"1")
    os.symlink("../0.jpg", root / "sub/2.jpg")
    gnu_tar(root, "links.tar", "--format=gnu")
with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    put(root, "s.cls", b"1")
    with open(root / "s.jpg", "wb") as file:
        for i in range(6):
            file.seek(i * 1_000_000)
            file.write(b"piece %d" % i)
    put(root, "t.cls", b"0")
    put(root, "t.jpg", b"behind the holes")
    gnu_tar(root, "sparse-gnu.tar", "--format=gnu", "--sparse")
    gnu_tar(root, "sparse-posix.tar", "--format=posix", "--sparse")
with tarfile.open(FOLDER / "python-pax.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    for i in range(2):
        for end, contents in [("jpg", b"picture %d" % i), ("cls", b"%d" % i)]:
            info = tarfile.TarInfo(f"kätze{i}.{end}")
            info.size = len(contents)
            tar.addfile(info, io.BytesIO(contents))
with webdataset.TarWriter(str(FOLDER / "webdataset.tar"), mtime=0) as sink:
    for i in range(3):
        sink.write({"__key__": f"n0144/{i:04d}", "jpg": b"picture %d" % i, "cls": i, "json": {"label": i + 10}})

facts = {}
for path in sorted(FOLDER.glob("*.tar")):
    with tarfile.open(path) as tar:
        facts[path.name] = [
            {
                "name": info.name,
                "kind": "sparse" if info.issparse() else "link" if info.islnk() else "symbolic" if info.issym() else "file",
                "offset": info.offset_data,
                "size": info.size,
                "contents": None if info.issparse() else tar.extractfile(info).read().decode(),
            }
            for info in tar
            if not info.isdir()
        ]
(FOLDER / "members.json").write_text(json.dumps(facts, indent=1) + "\n")
