"""`make accept` records words and refuses deeds."""

import json
from pathlib import Path
from typing import ClassVar

import pytest

from im2latex.errors import ArtifactError, UsageError
from pipeline import accept as accepting
from pipeline.fingerprint import fingerprint


class Repo:
    """Stands in for DVC; remembers what it was told to commit."""

    committed: ClassVar[list[str]] = []

    def __enter__(self) -> "Repo":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def commit(self, stage: str, force: bool) -> None:
        assert force
        self.committed.append(stage)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accepting, "Repo", Repo)
    monkeypatch.setattr(Repo, "committed", [])
    Path("dvc.yaml").write_text("stages: {filter: {}, train: {}}")
    Path("reports/manifest").mkdir(parents=True)


def record(code: str) -> None:
    Path("reports/manifest/filter.json").write_text(json.dumps({"code": code, "artifacts": {}}))


def test_unchanged_deeds_are_recorded() -> None:
    record(fingerprint("pipeline.filter"))
    accepting.accept("filter")
    assert Repo.committed == ["filter"]


def test_changed_deeds_are_refused() -> None:
    record("0" * 64)
    with pytest.raises(
        ArtifactError, match="what the code of filter does has changed since it ran; run `dvc repro filter`"
    ):
        accepting.accept("filter")
    assert Repo.committed == []


def test_unknown_stages_and_stages_that_never_ran() -> None:
    with pytest.raises(UsageError, match="'fliter' is no stage; the stages are filter, train"):
        accepting.accept("fliter")
    with pytest.raises(ArtifactError, match="no such artifact; run `dvc repro`"):
        accepting.accept("train")
