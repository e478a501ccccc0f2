"""A project in a folder of its own with the code of this repository, real git and real DVC."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.durability import write_project
from tests.pipeline.conftest import GOOD, TINY


def call(folder: Path, *command: str) -> str:
    """Run a program as a stranger to this machine's git settings, with this environment's Python first; its output."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    names = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = os.environ | names | {"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
    for name in ("PYTHONPATH", "IM2LATEX_CACHE"):  # else the stages would use other code, or results of other runs
        environment.pop(name, None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    """Run a command of DVC; its output."""
    return call(folder, sys.executable, "-m", "dvc", *arguments)


def create(project: Path, stages: Sequence[str]) -> None:
    """Write code, parameters, these stages and the dataset `sample`, and initialize git and DVC."""
    write_project(project, stages, TINY | {"dataset": "sample"}, GOOD)
    call(project, "git", "init", "-q")
    dvc(project, "init", "-q")


def commit(project: Path) -> None:
    """Commit all that git does not ignore."""
    call(project, "git", "add", "-A")
    call(project, "git", "commit", "-q", "-m", "Reproduced")
