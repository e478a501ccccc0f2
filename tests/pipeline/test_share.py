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

from im2latex.io.manifest import verify
from tests.pipeline.dvc_project import call, commit, create, dvc

pytestmark = [
    pytest.mark.needs_tex,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("git") is None, reason="git not installed"),
]

STAGES = ["normalize", "render", "tokenize", "filter", "bucket"]
SHARD = Path("data/bucket/train/shard-00000.parquet")
MANIFESTS = Path("reports/manifest")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was reproduced, committed and pushed."""
    project = tmp_path_factory.mktemp("origin")
    create(project, STAGES)
    dvc(project, "remote", "add", "-q", "-d", "shelf", str(tmp_path_factory.mktemp("shelf")))
    dvc(project, "repro", "-q")
    commit(project)
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
