"""What the targets of the Makefile would run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.committed import ROOT

TARGETS = {
    "setup": "setup/system.sh",
    "repro": "dvc repro",
    "train": "dvc repro train",
    "evaluate": "dvc repro evaluate",
    "small": "python -m recipes.full fast-tiny --dataset sample) && dvc exp run",
    "small PRESET=wygiwys-small": "python -m recipes.full wygiwys-small --dataset sample) && dvc exp run",
    "full": "im2latex download im2latex-100k\noptions=$(python -m recipes.full fast-small) && dvc exp run",
    "full PRESET=i2l-strips-paper": "python -m recipes.full i2l-strips-paper)",
    "test": 'pytest -q -n 2 -m "not slow"',
    "test-all": "pytest -q -n 2\n",
    "tensorboard": "tensorboard --logdir",
    "test-fast": "not needs_tex and not trains",
    "lint": "ruff check",
    "types": "mypy",
    "serve": "im2latex serve",
    "docker": "docker build",
    "accept-stopped": "dvc commit -f train",
    "wheel": "python -m build",
    "docs": "mkdocs build",
    "plots": "dvc plots show",
}


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_its_commands(target: str) -> None:
    found = subprocess.run(
        ["make", "--dry-run", "--always-make", *target.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert TARGETS[target] in found.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
@pytest.mark.parametrize(("preset", "runs"), [("fast-small", True), ("fast-smal", False)])
def test_a_preset_that_does_not_exist_runs_nothing(preset: str, runs: bool, tmp_path: Path) -> None:
    (tmp_path / "dvc").write_text('#!/bin/sh\necho "dvc $@"\n')
    (tmp_path / "dvc").chmod(0o755)
    path = os.pathsep.join(map(str, (tmp_path, Path(sys.executable).parent, os.environ["PATH"])))
    command = ["make", "--old-file=.venv/.ready", "small", f"PRESET={preset}", f"PATH={path}"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode == 0) == runs
    assert (f"dvc exp run -S dataset=sample -S train.preset={preset} " in found.stdout) == runs
    if not runs:
        assert "there is no preset 'fast-smal'; known are " in found.stderr.splitlines()[0]
