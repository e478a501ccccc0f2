"""The render stage with real TeX: the same bytes for any number of workers, and a reason for every refusal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from im2latex.images.decode import decode_png
from im2latex.io.parquet import read_parts
from im2latex.latex.grammar.generator import generate
from tests.pipeline.conftest import run

FORMULAS = [*generate(12, 7), r"\undefinedmacro + 1", "x^2", r"\phantom{x}"]


@pytest.mark.needs_tex
def test_bytes_do_not_depend_on_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_params: Callable[[dict[str, Any]], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = {"normalizer": {"commands": {r"\undefinedmacro": ""}}}
    set_params({"normalize": {"part_rows": 5, **own}, "render": {"image": {"downsample": 2}}})
    Path("data/raw/tiny").mkdir(parents=True)
    Path("data/raw/tiny/formulas.txt").write_text("\n".join(FORMULAS))
    found = {}
    for workers in ("1", "2"):
        monkeypatch.setenv("IM2LATEX_WORKERS", workers)
        monkeypatch.setenv("IM2LATEX_CACHE", f"cache-{workers}")
        run("normalize", "render")
        found[workers] = {path.name: path.read_bytes() for path in Path("data/render").iterdir()}
    assert found["1"] == found["2"]
    assert json.loads(Path("reports/ledger/render.json").read_text())["reasons"] == {"blank": 1, "undefined_macro": 1}
    for row in read_parts(Path("data/render")).to_pylist():
        pixels = decode_png(row["image"]["bytes"])
        assert pixels.shape == (row["height"], row["width"])
        assert pixels.min() < 128 < pixels.max()


@pytest.mark.needs_tex
def test_training_formulas_are_drawn_in_several_styles_down_to_the_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_params: Callable[[dict[str, Any]], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    variants = [{"name": "times", "fonts": "times", "dpi": 150}, {"name": "small", "size": "9pt"}]
    set_params(
        {
            "normalize": {"part_rows": 20, "split": {"val": 0.2, "test": 0.2}},
            "render": {"renderer": {"rasterizer": "pdfium"}, "styles": {"per_formula": 2, "variants": variants}},
            "tokenize": {"vocabulary": {"min_frequency": 1}},
        }
    )
    Path("data/raw/tiny").mkdir(parents=True)
    Path("data/raw/tiny/formulas.txt").write_text("\n".join(generate(50, 7)))
    monkeypatch.setenv("IM2LATEX_CACHE", "cache")
    run("normalize", "render", "tokenize", "filter", "bucket")
    splits = {row["formula_id"]: row["split"] for row in read_parts(Path("data/normalize")).to_pylist()}
    styles: dict[str, set[str]] = {name: set() for name in splits}
    for row in read_parts(Path("data/render"), ["formula_id", "style"]).to_pylist():
        styles[row["formula_id"]].add(row["style"])
    assert {len(styles[name]) for name, split in splits.items() if split == "train"} == {2}
    assert all(styles[name] == {"base"} for name, split in splits.items() if split != "train")
    shards = read_parts(Path("data/bucket"), ["formula_id", "style", "image"], "train/shard-*.parquet").to_pylist()
    assert {row["style"] for row in shards} == {"base", "times", "small"}
    images = {(row["formula_id"], row["style"]): row["image"]["bytes"] for row in shards}
    assert len(images) == len(shards)
    drawn = read_parts(Path("data/render"), ["formula_id", "style", "image"]).to_pylist()
    source = {(row["formula_id"], row["style"]): row["image"]["bytes"] for row in drawn}
    assert all(source[key] == image for key, image in images.items())
    for stage in ("render", "filter", "bucket"):
        ledger = json.loads(Path(f"reports/ledger/{stage}.json").read_text())
        assert ledger["seen"] == ledger["kept"] + ledger["dropped"]
