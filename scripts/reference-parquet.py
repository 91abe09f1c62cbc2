#!/usr/bin/env python3
"""Writes test/fixtures/parquet: image sets as Hugging Face hands them out, and pages of every kind that pyarrow writes.

    pip install datasets==5.2.0 pyarrow==26.0.1 pillow
    scripts/reference-parquet.py

hub/ is of `datasets` with small JPEGs of one colour for each class; pages/ holds texts in place of images: the bytes of
row i are "picture i" times i, no picture at all in rows 3 and 7, and the label is i % 3.
"""
import io
import pathlib

import datasets
import numpy
import PIL.Image
import pyarrow
import pyarrow.parquet

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "test/fixtures/parquet"
COLOURS = {"red": (220, 50, 40), "green": (50, 200, 60), "blue": (40, 60, 220), "yellow": (210, 200, 60)}
ROWS = 40


def jpeg(colour: tuple[int, int, int], seed: int) -> bytes:
    noise = numpy.random.RandomState(seed).normal(0, 40, (20, 24, 3))
    pixels = numpy.clip(numpy.array(colour) + noise, 0, 255).astype(numpy.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def hub(name: str, count: int, seed: int) -> None:
    rows = [(label, i) for i in range(count) for label in range(len(COLOURS))]
    colours = list(COLOURS.values())
    images = [{"bytes": jpeg(colours[label], seed + 10 * i + label), "path": f"{i}.jpg"} for label, i in rows]
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(COLOURS))}
    )
    data = {"image": images, "label": [label for label, _ in rows]}
    (FOLDER / "hub").mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(data, features=features).to_parquet(FOLDER / "hub" / name)


hub("train-00000-of-00002.parquet", 2, 0)
hub("train-00001-of-00002.parquet", 2, 100)
hub("validation-00000-of-00001.parquet", 2, 200)

pictures = [None if i in (3, 7) else {"bytes": b"picture %d" % i * i, "path": f"{i}.jpg"} for i in range(ROWS)]
pictures[7] = {"bytes": None, "path": "7.jpg"}
table = pyarrow.table(
    {
        "picture": pyarrow.array(
            pictures, pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
        ),
        "label": pyarrow.array([i % 3 for i in range(ROWS)], pyarrow.int64()),
    }
)
(FOLDER / "pages").mkdir(exist_ok=True)
for version in ["1.0", "2.0"]:
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        for kind in ["plain", "dictionary"]:
            if kind == "dictionary" and codec not in ("none", "snappy"):
                continue
            pyarrow.parquet.write_table(
                table,
                FOLDER / "pages" / f"{kind}-{codec}-v{version[0]}.parquet",
                compression=codec,
                data_page_version=version,
                use_dictionary=kind == "dictionary",
                row_group_size=25,
                data_page_size=300,
                write_batch_size=5,
                write_statistics=False,
            )
for encoding in ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]:
    pyarrow.parquet.write_table(
        table,
        FOLDER / "pages" / f"{encoding.lower()}.parquet",
        use_dictionary=False,
        column_encoding={"picture.bytes": encoding},
        write_statistics=False,
    )
flat = pyarrow.table({"img": [b"picture %d" % i for i in range(6)], "kind": ["cat", "dog", "owl"] * 2})
pyarrow.parquet.write_table(flat, FOLDER / "pages" / "flat.parquet", compression="none", use_dictionary=False)
