"""What the targets of the Makefile would run."""

import shutil
import subprocess

import pytest

from docs.generate.committed import ROOT

TARGETS = {
    "setup": "setup/system.sh",
    "repro": "dvc repro",
    "train": "dvc repro train",
    "evaluate": "dvc repro evaluate",
    "small": "dvc repro",
    "small PRESET=wygiwys-small": "dvc exp run $(python -m recipes.full wygiwys-small --dataset sample)",
    "full": "im2latex download im2latex-100k\ndvc exp run $(python -m recipes.full fast-small)",
    "full PRESET=i2l-strips-paper": "python -m recipes.full i2l-strips-paper",
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
