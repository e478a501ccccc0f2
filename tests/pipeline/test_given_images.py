"""Datasets that bring images: what they bring is not drawn, is treated as drawn images are, and is counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmarks.hostile_images import encoded, jpeg_of_scans
from im2latex.images.arrays import ImageParams, encode_png, to_dataset_image
from im2latex.images.decode import decode_png
from im2latex.io.parquet import read_parts
from im2latex.latex.grammar.generator import generate
from tests.pipeline.conftest import run

FORMULAS = list(dict.fromkeys(generate(40, 9)))
DATASET = Path("data/raw/tiny")


def drawing(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = np.full((40, 80), 255, np.uint8)
    pixels[5 : 12 + number % 9, 6 : 30 + number] = 20 + number
    return pixels


def write_images(folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(FORMULAS)):
        (folder / f"p{number}.png").write_bytes(encode_png(drawing(number)))
    return [f"p{number}.png" for number in range(len(FORMULAS))]


def table() -> None:
    names = write_images(DATASET / "images")
    rows = [{"formula": formula, "image": f"images/{name}"} for formula, name in zip(FORMULAS, names, strict=True)]
    (DATASET / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))


def cells() -> None:
    DATASET.mkdir(parents=True)
    images = [{"bytes": encode_png(drawing(number)), "path": None} for number in range(len(FORMULAS))]
    pq.write_table(pa.table({"formula": FORMULAS, "image": images}), DATASET / "t.parquet")


def lists() -> None:
    write_images(DATASET / "formula_images")
    (DATASET / "im2latex_formulas.lst").write_text("\n".join(FORMULAS))
    entries = [f"{number} p{number} basic" for number in range(len(FORMULAS))]
    (DATASET / "im2latex_train.lst").write_text("\n".join(entries))


def filtered_lists() -> None:
    write_images(DATASET / "formula_images_processed")
    (DATASET / "im2latex_formulas.norm.lst").write_text("\n".join(FORMULAS))
    entries = [f"p{number}.png {number}" for number in range(len(FORMULAS))]
    (DATASET / "im2latex_train_filter.lst").write_text("\n".join(entries))


def matching() -> None:
    write_images(DATASET / "images_train")
    (DATASET / "train.formulas.norm.txt").write_text("\n".join(FORMULAS))
    entries = [f"p{number}.png {number}" for number in range(len(FORMULAS))]
    (DATASET / "train.matching.txt").write_text("\n".join(entries))


def pairs() -> None:
    names = write_images(DATASET / "images")
    (DATASET / "NAME2ID.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    (DATASET / "ID2FORMULA.json").write_text(json.dumps(dict(enumerate(FORMULAS))))


@pytest.mark.parametrize("layout", [table, cells, lists, filtered_lists, matching, pairs])
def test_every_layout_reaches_the_shards(project: Path, layout: Callable[[], None]) -> None:
    (DATASET / "formulas.txt").unlink()
    DATASET.rmdir()
    layout()
    run("normalize", "render", "tokenize", "filter", "bucket")
    manifest = json.loads(Path("reports/manifest/render.json").read_text())
    assert manifest["images"] == {"given": len(FORMULAS), "base": 0}
    rows = read_parts(project / "data" / "render").to_pylist()
    numbers = {row["formula_id"]: FORMULAS.index(row["raw"]) for row in read_parts(Path("data/normalize")).to_pylist()}
    assert len(rows) == len(FORMULAS)
    for row in rows:
        number = numbers[row["formula_id"]]
        ink = drawing(number)[5 : 12 + number % 9, 6 : 30 + number]
        assert row["style"] == "given"
        assert np.array_equal(
            decode_png(row["image"]["bytes"]), to_dataset_image(ink, ImageParams(padding_px=8, downsample=8))
        )
    shards = [
        row for split in Path("data/bucket").glob("*/") for row in read_parts(split, None, "*.parquet").to_pylist()
    ]
    assert {row["formula_id"] for row in shards} <= numbers.keys()
    assert shards


def test_missing_images_are_counted_and_formulas_without_one_are_drawn(project: Path) -> None:
    table()
    (DATASET / "images" / "p3.png").unlink()
    (DATASET / "images" / "p4.png").write_bytes(b"broken")
    run("normalize", "render")
    ledger = json.loads(Path("reports/ledger/render.json").read_text())
    manifest = json.loads(Path("reports/manifest/render.json").read_text())
    assert ledger["reasons"]["image_missing"] == ledger["reasons"]["image_unreadable"] == 1
    assert manifest["images"]["given"] == len(FORMULAS) - 2
    assert manifest["images"]["base"] > 0
    assert list((project / "data" / "render").glob("part-*.given.parquet"))


DAMAGED = {
    "chunk.png": encode_png(drawing(1))[:33] + b"\0\0\0\4\xff\xfe\xfd\xfctext" + encode_png(drawing(1))[33:],
    "short.png": encode_png(drawing(1))[:60],
    "dds.png": encoded(Image.fromarray(drawing(1)).convert("RGB"), "DDS").replace(b"DX10", b"DXT9"),
    "loop.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n",
    "scans.png": jpeg_of_scans(64, 4000),
    "comments.png": b"P2\n2 2\n255\n" + b"#\n" * 4_000_000,
    "text.png": b"no image",
    "empty.png": b"",
}


def test_broken_images_are_counted_and_end_nothing(project: Path) -> None:
    """Files for which Pillow raises what is no OSError, starts Ghostscript, or works for seconds."""
    table()
    for number, data in enumerate(DAMAGED.values()):
        (DATASET / "images" / f"p{number}.png").write_bytes(data)
    run("normalize", "render")
    ledger = json.loads(Path("reports/ledger/render.json").read_text())
    assert ledger["reasons"]["image_unreadable"] == len(DAMAGED)
    assert json.loads(Path("reports/manifest/render.json").read_text())["images"]["given"] == len(FORMULAS) - len(
        DAMAGED
    )


def test_a_changed_image_is_not_taken_for_the_old_one(project: Path) -> None:
    table()
    run("normalize", "render")
    before = {row["formula_id"]: row["pixel_hash"] for row in read_parts(Path("data/render")).to_pylist()}
    (DATASET / "images" / "p0.png").write_bytes(encode_png(drawing(33)))
    run("render")
    after = {row["formula_id"]: row["pixel_hash"] for row in read_parts(Path("data/render")).to_pylist()}
    assert sum(before[name] != after[name] for name in before) == 1
