"""A project in a folder of its own with the code of this repository, real git and real DVC."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from im2latex.config import merge
from im2latex.latex.grammar.generator import generate
from pipeline.paths import ROOT
from tests.pipeline.conftest import TINY


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


def create(project: Path, stages: Sequence[str], changes: dict[str, Any] | None = None) -> None:
    """Write code, parameters, these stages and a small dataset, and initialize git and DVC."""
    for folder in ("im2latex", "pipeline", "custom"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("tools.lock", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / file, project)
    known = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {name: known[name] for name in ["code", *stages]}}))
    params = merge(merge(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")), TINY), changes or {})
    sections = {name: params[name] for name in stages} | {"dataset": "sample"}
    (project / "params.yaml").write_text(yaml.safe_dump(sections))
    (project / "data" / "raw" / "sample").mkdir(parents=True)
    (project / "data" / "raw" / "sample" / "formulas.txt").write_text("\n".join(generate(60, 5)))
    call(project, "git", "init", "-q")
    dvc(project, "init", "-q")


def commit(project: Path) -> None:
    """Commit all that git does not ignore."""
    call(project, "git", "add", "-A")
    call(project, "git", "commit", "-q", "-m", "Reproduced")
