"""The Snakefile fills the part cache with the very files that the stages make, on one machine and through a queue."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from im2latex.errors import ArtifactError, UsageError
from im2latex.io.project_cache import cache_root
from im2latex.latex.grammar.generator import generate
from pipeline import run_part
from pipeline.paths import ROOT
from tests.pipeline.conftest import run

SUBMIT = """#!/bin/sh
# A queue: starts the script in a process of its own, which goes on when this one has ended.
setsid sh "$1" > "$1.log" 2>&1 &
echo $!
"""


def snakemake(cache: str, *arguments: str) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IM2LATEX_CACHE": cache, "PATH": path}
    command = ["snakemake", "-s", str(ROOT / "workflow" / "Snakefile")]
    subprocess.run([sys.executable, "-m", *command, *arguments], env=environment, check=True, capture_output=True)


def leftovers(cache: str) -> list[str]:
    """Files of the cache beside results: inputs of parts, indexes, drafts."""
    return [path.name for path in Path(cache, "parts").rglob("*") if path.suffix not in ("", ".parquet", ".sha256")]


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
    stale = Path("local/parts/normalize/index.txt")
    stale.parent.mkdir(parents=True)
    stale.write_text("0" * 64)
    snakemake("local", "--profile", str(ROOT / "workflow" / "profiles" / "local"))
    assert parts("local") == dataset
    assert leftovers("local") == ["index.txt", "index.txt"]
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
    snakemake("queue", "--profile", str(ROOT / "workflow" / "profiles" / "cluster"), *own)
    assert parts("queue") == dataset


@pytest.fixture
def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_params: Callable[[dict[str, Any]], None]) -> list[str]:
    """A dataset of three parts, whose index is written."""
    monkeypatch.chdir(tmp_path)
    set_params({"normalize": {"part_rows": 20}})
    Path("data/raw/tiny").mkdir(parents=True)
    Path("data/raw/tiny/formulas.txt").write_text("\n".join(generate(50, 3)))
    return run_part.write_index("normalize")


def test_a_job_reads_its_own_part_only(indexed: list[str]) -> None:
    folder = cache_root() / "parts" / "normalize"
    assert (folder / "index.txt").read_text().split() == indexed
    assert len(indexed) == 3
    Path("data/raw/tiny/formulas.txt").unlink()
    run_part.compute_part("normalize", indexed[1])
    assert {path.stem for path in folder.glob("*.parquet")} == {indexed[1]}
    assert {path.stem for path in folder.glob("*.json")} == {indexed[0], indexed[2]}


def test_only_parts_without_a_result_get_an_input(indexed: list[str]) -> None:
    for key in indexed:
        run_part.compute_part("normalize", key)
    assert run_part.write_index("normalize") == indexed
    assert list((cache_root() / "parts" / "normalize").glob("*.json")) == []


def test_a_machine_with_other_parameters_refuses_a_part(
    indexed: list[str], set_params: Callable[[dict[str, Any]], None]
) -> None:
    set_params({"normalize": {"part_rows": 20, "normalizer": {"profile": "compact"}}})
    with pytest.raises(UsageError, match="differ here from those of the index"):
        run_part.compute_part("normalize", indexed[0])


def test_a_part_without_input_is_refused(indexed: list[str]) -> None:
    with pytest.raises(ArtifactError, match="python -m pipeline.run_part index normalize"):
        run_part.compute_part("normalize", "0" * 64)


@pytest.mark.parametrize("config", ["mem_mb={render: many}", "gather=x"])
def test_a_wrong_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(subprocess.CalledProcessError):
        snakemake("cache", "--dry-run", "--cores", "1", "--config", config)
