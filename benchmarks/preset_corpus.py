"""Project of short real formulas, on which the model presets are compared: python -m benchmarks.preset_corpus --help

reads   formulas as .jsonl.gz, one paper after the other
writes  a folder with params.yaml, data/raw/short and the outputs of the data stages

Then, in that folder: python -m benchmarks.presets scores --samples 100000
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.data_stages import STAGES, write_dataset, write_project_files
from im2latex.config import load_yaml, merge
from pipeline.paths import ROOT

DATASET = "short"
CHARACTERS = range(20, 111)
"""Lengths of the source; many of the shorter formulas are one symbol with scripts."""
OVERRIDES: dict[str, Any] = {
    "dataset": DATASET,
    # of papers, which are not split
    "normalize": {"split": {"val": 0.01, "test": 0.01}},
    "render": {"renderer": {"rasterizer": "pdfium"}},
    "tokenize": {"vocabulary": {"min_frequency": 5}},
    # the image_size of the small presets of I2L
    "filter": {"max_tokens": 45, "max_height_px": 96, "max_width_px": 416},
}


def short_formulas(file: Path, count: int) -> Iterator[str]:
    """The first `count` lines whose formula has a length in `CHARACTERS`."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from islice((line for line in lines if len(json.loads(line)["formula"]) in CHARACTERS), count)


def main(
    file: Annotated[Path, typer.Argument(help="formulas, as .jsonl.gz")],
    folder: Annotated[Path, typer.Argument(help="an empty folder for the project")],
    count: Annotated[int, typer.Option(help="formulas before normalization and filters")] = 130_000,
) -> None:
    """Write the project and run its data stages."""
    folder.mkdir(parents=True, exist_ok=True)
    write_dataset(short_formulas(file, count), folder, DATASET)
    write_project_files(folder, merge(load_yaml(ROOT / "params.yaml"), OVERRIDES))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IM2LATEX_CACHE": str(folder / ".cache")}
    for stage in STAGES:
        subprocess.run([sys.executable, "-m", f"pipeline.{stage}"], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    typer.run(main)
