"""The Snakefile fills the part cache with the very files that the stages make, on one machine and through a queue."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from im2latex.latex.grammar.generator import generate
from pipeline.paths import ROOT
from tests.pipeline.conftest import run

GATHER = f"{sys.executable} -m pipeline.normalize"
SUBMIT = """#!/bin/sh
# A queue: starts the script in a process of its own, which goes on when this one has ended.
setsid sh "$1" > "$1.log" 2>&1 &
echo $!
"""


def snakemake(cache: str, *arguments: str) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IM2LATEX_CACHE": cache, "PATH": path}
    command = ["snakemake", "-s", str(ROOT / "pipeline" / "Snakefile"), "--config", f"gather={GATHER}"]
    subprocess.run([sys.executable, "-m", *command, *arguments], env=environment, check=True, capture_output=True)


def parts(cache: str) -> dict[str, bytes]:
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in Path(cache, "parts").glob("*/*.parquet")}


@pytest.fixture
def dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_params: Callable[[dict[str, Any]], None]
) -> dict[str, bytes]:
    """A small project in the current folder; gives the parts that the stages make, two of each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    set_params({"normalize": {"part_rows": 20}, "render": {"renderer": {"rasterizer": "pdfium"}}})
    Path("data/raw/tiny").mkdir(parents=True)
    Path("data/raw/tiny/formulas.txt").write_text("\n".join(generate(40, 3)))
    monkeypatch.setenv("IM2LATEX_CACHE", "stages")
    run("normalize", "render")
    made = parts("stages")
    assert len(made) == 4
    return made


@pytest.mark.needs_tex
def test_one_machine(dataset: dict[str, bytes]) -> None:
    snakemake("local", "--profile", str(ROOT / "pipeline" / "profiles" / "local"))
    assert parts("local") == dataset
    before = {path: path.stat().st_mtime_ns for path in Path("local/parts").glob("*/*.parquet")}
    run("normalize", "render")
    assert {path: path.stat().st_mtime_ns for path in Path("local/parts").glob("*/*.parquet")} == before


@pytest.mark.needs_tex
@pytest.mark.slow
@pytest.mark.skipif(find_spec("snakemake_executor_plugin_cluster_generic") is None, reason="the plugin is an extra")
def test_a_queue_of_separate_processes(dataset: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "submit").write_text(SUBMIT)
    (tmp_path / "submit").chmod(0o755)
    own = ["--cluster-generic-submit-cmd", str(tmp_path / "submit"), "--latency-wait", "20"]
    snakemake("queue", "--profile", str(ROOT / "pipeline" / "profiles" / "cluster"), *own)
    assert parts("queue") == dataset
