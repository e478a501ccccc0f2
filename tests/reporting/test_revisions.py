"""A run's files in a folder and in git, where DVC holds the larger ones."""

import shutil
import subprocess
from pathlib import Path

import pytest

from im2latex.errors import UsageError
from im2latex.metrics.score import score_predictions
from im2latex.reporting.compare import compare
from im2latex.reporting.revisions import FolderFiles, open_run_files
from im2latex.reporting.run_data import SAMPLES, read_run_data
from tests.reporting.comparing import predictions, write_project, wrong


def git(*arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *arguments], check=True
    )


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "b").write_text("β", "utf-8")
    (tmp_path / "x" / "a").write_bytes(b"\0")
    files = FolderFiles(tmp_path)
    assert (files.text("x/b"), files.text("x/c"), files.text("x")) == ("β", None, None)
    assert (files.names("x"), files.names("y")) == (["x/a", "x/b"], [])
    assert files.open("y") is None
    file = files.open("x/a")
    assert file
    with file:
        assert file.read() == b"\0"


@pytest.mark.filterwarnings("ignore")
def test_commits_are_compared_by_samples_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "trunk")
    Repo.init().close()
    for number, bad in enumerate([wrong(3), wrong(3, *range(10, 40))]):
        write_project(tmp_path, predictions(bad), rate=number)
        with Repo() as project:
            project.add(["data/evaluate", "data/bucket"])
        git("add", "-A")
        git("commit", "-q", "-m", f"number {number}")
        git("tag", f"v{number}")
    shutil.rmtree("data/evaluate")
    a, b = (read_run_data(name, "test", score_predictions) for name in ("v0", "v1"))
    found = compare(a, b, resamples=50, seed=0)
    assert found.pairs
    assert (len(found.worse), found.params, found.notes) == (30, {"train.rate": (0, 1)}, ())
    name = found.worse[0].a["formula_id"]
    assert b.images([name])[name].startswith(b"\x89PNG")

    shutil.rmtree(".dvc/cache")
    side = read_run_data("v0", "test", score_predictions)
    assert side.samples is None
    assert side.missing_samples == (
        f"v0: {SAMPLES} is missing; DVC's cache and remote do not have them; "
        "`git checkout v0 && dvc repro evaluate` computes them"
    )
    assert side.images([name]) == {}
    with pytest.raises(UsageError, match="v7: neither a folder or file, nor a commit or experiment of the project"):
        open_run_files("v7")
