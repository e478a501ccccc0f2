"""A small project in a folder of its own: parameters, a dataset, and a renderer that needs no TeX."""

import runpy
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from im2latex.config import merge
from im2latex.latex.grammar.generator import generate
from im2latex.models.presets import load_preset
from im2latex.rendering import renderer, styles
from pipeline.paths import ROOT
from tests.fakes import FakeGlyphs, FakeRenderer

GOOD = 60
BAD_LINES = [b"}{", b"", b"\\text{caf\xe9}", b"\\broken + x", b"a" * 6000]

SMALLEST = load_preset("fast-tiny")

TINY: dict[str, Any] = {
    "dataset": "tiny",
    "normalize": {
        "part_rows": 25,
        "normalizer": {"macros": None, "rules": None, "replacements": None, "commands": {r"\broken": ""}},
    },
    "render": {"image": {"downsample": 8}},
    "tokenize": {"vocabulary": {"min_frequency": 1}},
    "filter": {"unknown_tokens": "keep", "max_width_px": 2000, "max_tokens": 34},
    "bucket": {"max_buckets": 2, "shard_rows": 20},
    "train": {
        **SMALLEST,
        "preset": None,
        "model": {
            "encoder": {**SMALLEST["model"]["encoder"], "channels": [4, 4, 8], "features": 16, "heads": 2},
            "decoder": {**SMALLEST["model"]["decoder"], "features": 16, "heads": 2, "layers": 1},
        },
        "budget": {"samples": 96},
        "validate_every_samples": 48,
    },
}


def run(*stages: str, options: Sequence[str] = ()) -> None:
    """Run stages as `python -m pipeline.<stage>` does, in this process, so that the fakes apply."""
    arguments, sys.argv = sys.argv, [sys.argv[0], *options]
    try:
        _run(stages)
    finally:
        sys.argv = arguments


def _run(stages: Sequence[str]) -> None:
    for stage in stages:
        for module in (f"pipeline.{stage}", "pipeline.project_renderer"):
            sys.modules.pop(module, None)
        runpy.run_module(f"pipeline.{stage}", run_name="__main__")


@pytest.fixture
def set_params(tmp_path: Path) -> Callable[[dict[str, Any]], None]:
    """Write params.yaml: the repository's, made small, with changes."""
    repository = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

    def write(changes: dict[str, Any]) -> None:
        values = merge(merge(repository, TINY), changes)
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    return write


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_params: Callable[[dict[str, Any]], None]) -> Path:
    """The folder, made the current one. Its dataset holds GOOD formulas, one of them twice, and BAD_LINES."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    for module in (renderer, styles):  # imported before either is changed: one has the other's name
        monkeypatch.setattr(module, "TexRenderer", lambda params: FakeRenderer())
    monkeypatch.setattr("im2latex.rendering.glyph_boxes.reader.TexGlyphReader", lambda params: FakeGlyphs())
    monkeypatch.setattr("im2latex.rendering.doctor.tool_versions", lambda params: {"pdftex": "none"})
    set_params({})
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    dataset = tmp_path / "data" / "raw" / "tiny"
    dataset.mkdir(parents=True)
    formulas = [line.encode() for line in generate(GOOD, 5)]
    (dataset / "formulas.txt").write_bytes(b"\n".join([*formulas, formulas[0], *BAD_LINES]))
    return tmp_path
