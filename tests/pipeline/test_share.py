"""A colleague clones, pulls and has every artifact, without computing any; damage there is reported and repaired.

The project is this repository's code and stages up to the shards, with a small dataset; git, DVC and TeX are real.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from im2latex.config import merge
from im2latex.io.manifest import verify
from im2latex.latex.grammar.generator import generate
from pipeline.paths import ROOT
from tests.pipeline.conftest import TINY

pytestmark = [
    pytest.mark.needs_tex,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("git") is None, reason="git not installed"),
]

STAGES = ["normalize", "render", "tokenize", "filter", "bucket"]
SHARD = Path("data/bucket/train/shard-00000.parquet")
MANIFESTS = Path("reports/manifest")


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
    return call(folder, sys.executable, "-m", "dvc", *arguments)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was reproduced, committed and pushed."""
    project = tmp_path_factory.mktemp("origin")
    for folder in ("im2latex", "pipeline", "custom"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("tools.lock", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / file, project)
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {name: stages[name] for name in ["code", *STAGES]}}))
    params = merge(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")), TINY)
    sections = {name: params[name] for name in STAGES} | {"dataset": "sample"}
    (project / "params.yaml").write_text(yaml.safe_dump(sections))
    (project / "data" / "raw" / "sample").mkdir(parents=True)
    (project / "data" / "raw" / "sample" / "formulas.txt").write_text("\n".join(generate(60, 5)))

    call(project, "git", "init", "-q")
    dvc(project, "init", "-q")
    dvc(project, "remote", "add", "-q", "-d", "shelf", str(tmp_path_factory.mktemp("shelf")))
    dvc(project, "repro", "-q")
    call(project, "git", "add", "-A")
    call(project, "git", "commit", "-q", "-m", "Reproduced")
    dvc(project, "push", "-q")
    return project


@pytest.fixture
def clone(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The colleague's copy, pulled, and the current folder."""
    folder = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(origin), str(folder))
    monkeypatch.chdir(folder)
    assert not SHARD.exists()
    dvc(folder, "pull", "-q")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("data/*/**/*.parquet")}


def test_a_clone_has_every_artifact_without_computing_any(origin: Path, clone: Path) -> None:
    assert dvc(clone, "status") == "Data and pipelines are up to date.\n"
    checked, faults = verify(MANIFESTS)
    assert (checked > len(STAGES), faults) == (True, [])
    assert contents(clone) == contents(origin)
    output = dvc(clone, "repro")
    assert all(f"Stage '{name}' didn't change, skipping" in output for name in STAGES)
    assert not Path("reports/run.json").exists(), "every stage that runs notes its cost here"
    assert call(clone, "git", "status", "--porcelain") == ""


def rerun(project: Path) -> set[str]:
    """The stages that `dvc repro` runs now."""
    return set(re.findall(r"Running stage '(\w+)'", dvc(project, "repro")))


def test_a_docstring_runs_no_stage_and_a_function_those_that_reach_it(clone: Path) -> None:
    reader = clone / "im2latex" / "dataset" / "readers" / "files.py"
    text = reader.read_text()
    reader.write_text(text.replace('"""', '"""Reworded. ', 1))
    assert rerun(clone) == {"code"}
    assert call(clone, "git", "diff", "--name-only", "reports/code") == ""
    reader.write_text(text.replace("def read_file(path: Path)", "def read_file(path: Path, _unused: int = 0)", 1))
    assert rerun(clone) == {"code", "normalize"}, "its outputs stay as they are"
    assert "im2latex.dataset.readers.files" in call(clone, "git", "diff", "reports/code/normalize.txt")


def test_a_typo_in_any_section_is_found_before_a_stage_runs(clone: Path) -> None:
    params = clone / "params.yaml"
    params.write_text(params.read_text().replace("max_aspect:", "max_aspct:"))
    command = [sys.executable, "-m", "dvc", "repro", "normalize"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(command, cwd=clone, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode != 0
    assert "filter.max_aspct is not a known key" in done.stderr
    assert "Running stage 'normalize'" not in done.stdout


def flip(path: Path) -> None:
    """Change one bit and leave no trace of it, as a failing disk does."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_damage_is_reported_and_repaired_by_the_named_command(origin: Path, clone: Path) -> None:
    flipped, missing = Path("data/normalize/part-00000.parquet"), Path("data/filter/kept.parquet")
    flip(flipped)
    SHARD.write_bytes(SHARD.read_bytes()[:-100])
    missing.unlink()

    faults = {Path(fault.split(":")[0]): fault for fault in verify(MANIFESTS)[1]}
    assert set(faults) == {flipped, SHARD, missing}
    for path, fault in faults.items():
        if "remove it" in fault:
            path.unlink()
    for fault in faults.values():
        command = re.search("`dvc (repro [a-z]+)`", fault)
        assert command
        dvc(clone, *command[1].split())
    assert verify(MANIFESTS)[1] == []
    assert contents(clone) == contents(origin)
    assert dvc(clone, "status") == "Data and pipelines are up to date.\n"
    assert call(clone, "git", "status", "--porcelain") == ""
