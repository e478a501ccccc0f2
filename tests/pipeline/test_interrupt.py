"""A render stage that is stopped in the middle leaves no process and no half file, and is taken up where it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from im2latex.latex.grammar.generator import generate
from pipeline.paths import ROOT
from tests.pipeline.conftest import run

FORMULAS, PART = 360, 30


def start(folder: Path, cache: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IM2LATEX_CACHE": cache, "IM2LATEX_WORKERS": "2"}
    command = [sys.executable, "-m", "pipeline.render"]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def parts(cache: Path) -> list[Path]:
    return list((cache / "parts" / "render").glob("*.parquet"))


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.needs_tex
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
    ids=lambda number: number.name,
)
def test_a_stopped_render_is_taken_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    set_params: Callable[[dict[str, Any]], None],
    number: signal.Signals,
) -> None:
    monkeypatch.chdir(tmp_path)
    set_params({"normalize": {"part_rows": PART}})
    Path("data/raw/tiny").mkdir(parents=True)
    Path("data/raw/tiny/formulas.txt").write_text("\n".join(generate(FORMULAS, 11)))
    run("normalize")

    child = start(tmp_path, "stopped")
    limit = time.monotonic() + 60
    while len(parts(tmp_path / "stopped")) < 2 and child.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    family = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(number)
    child.wait(30)
    assert child.returncode != 0
    limit = time.monotonic() + 10
    while alive(family) and time.monotonic() < limit:
        time.sleep(0.1)
    assert alive(family) == []
    assert not Path("reports/manifest/render.json").exists()
    before = {path: path.stat().st_mtime_ns for path in parts(tmp_path / "stopped")}
    assert len(before) < FORMULAS // PART

    assert start(tmp_path, "stopped").wait(120) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    taken_up = {path.name: path.read_bytes() for path in Path("data/render").iterdir()}
    assert start(tmp_path, "whole").wait(120) == 0
    assert {path.name: path.read_bytes() for path in Path("data/render").iterdir()} == taken_up
