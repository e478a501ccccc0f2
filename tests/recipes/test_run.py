"""The order of work, the clock and the exit status of run.sh, with a stand-in for Python that only notes its calls."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from pipeline.fingerprint import ROOT

STAND_IN = """#!/bin/sh
echo "$*" >>"$WORK/calls"
case "$*" in
    *tarfile*) exec python3 "$@" ;;
    *pipeline.*) stage=${2#pipeline.}; mkdir -p reports/manifest; touch "reports/manifest/$stage.json" ;;
    *recipes.fit*)
        mkdir -p "$3" data/train; echo '{}' >>"$3/curve.jsonl"
        [ -e "$WORK/fails" ] && exit 1
        [ -e "$WORK/slow" ] && { rm "$WORK/slow"; exec sleep 60; }
        touch data/train/checkpoint.json ;;
    *recipes.evaluate*) touch "$3/results.json" ;;
esac
"""
STAGES = ["normalize", "render", "tokenize", "filter", "bucket"]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for name in ("project", "tex/bin", "wheels"):
        (tmp_path / "packed" / name).mkdir(parents=True)
    with tarfile.open(tmp_path / "recipe.tar.xz", "w:xz") as archive:
        for part in sorted((tmp_path / "packed").iterdir()):
            archive.add(part, part.name)
    (tmp_path / "python").write_text(STAND_IN)
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def run(work: Path, limit: int = 100, kept: int = 60, least: int = 30) -> int:
    top = work.parent
    env = {"WORK": str(work), "OUT": str(top / "out"), "PYTHON": str(top / "python"), "LIMIT": str(limit)}
    command = ["bash", str(ROOT / "recipes" / "run.sh"), str(top / "recipe.tar.xz")]
    return subprocess.run(
        command,
        env=env | {"KEPT": str(kept), "LEAST": str(least), "NEEDED": "60", "PATH": os.environ["PATH"]},
        check=False,
    ).returncode


def calls(work: Path) -> list[str]:
    """What was started, by the last word of its module; unpacking and installing left out."""
    lines = (work / "calls").read_text().splitlines()
    return [line.split()[1].partition(".")[2] for line in lines if line.startswith(("-m pipeline", "-m recipes"))]


def test_one_call_does_all(work: Path) -> None:
    assert run(work) == 0
    assert calls(work) == [*STAGES, "fit", "examine"]
    assert {path.name for path in (work.parent / "out").iterdir()} == {"results.json", "curve.jsonl", "seconds.tsv"}
    assert run(work) == 0
    assert calls(work)[len(STAGES) + 2 :] == ["examine"], "what is done is not done again"


def test_a_run_that_the_clock_stops_goes_on(work: Path) -> None:
    (work / "slow").touch()
    assert run(work, limit=8, kept=1, least=1) == 75
    assert calls(work) == [*STAGES, "fit"]
    assert run(work) == 0
    assert calls(work) == [*STAGES, "fit", "fit", "examine"]


def test_too_little_time_to_train_starts_no_training(work: Path) -> None:
    assert run(work, limit=70) == 75
    assert calls(work) == STAGES


def test_too_little_time_to_examine_is_left_to_the_next_call(work: Path) -> None:
    assert run(work, limit=50, kept=1, least=1) == 75
    assert calls(work) == [*STAGES, "fit"]
    assert run(work) == 0
    assert calls(work) == [*STAGES, "fit", "examine"]


def test_a_failure_is_told(work: Path) -> None:
    (work / "fails").touch()
    assert run(work) == 1
    assert calls(work) == [*STAGES, "fit"]
