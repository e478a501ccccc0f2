"""The frame: parameters first, a balanced ledger, a manifest last, and one sentence when something is wrong."""

import errno
import importlib
import json
import os
from pathlib import Path

import pytest
from pydantic import Field

from im2latex.config import Params
from im2latex.errors import InputError, ParamsError
from im2latex.io.manifest import read_manifest
from im2latex.io.project_cache import cache_root, state_root
from pipeline.fingerprint import stage_lines
from pipeline.paths import CODE
from pipeline.stage import Stage, StageRun
from tests.pipeline.test_graph import STAGES


class FilterParams(Params):
    limit: int = Field(ge=1, description="most tokens")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("filter: {limit: 3}\n")


def work(run: StageRun[FilterParams]) -> None:
    run.ledger.add_seen(3)
    run.ledger.add_kept(run.params.limit - 1)
    run.ledger.drop("a", None, "too_long")
    run.out.mkdir(parents=True)
    (run.out / "kept.txt").write_text("x")


def test_writes_ledger_manifest_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    stale = Path("data/filter/stale.txt")
    stale.parent.mkdir(parents=True)
    stale.touch()
    Stage("filter", FilterParams, work).main([])
    assert not stale.exists()
    assert json.loads(Path("reports/ledger/filter.json").read_text())["reasons"] == {"too_long": 1}
    manifest = read_manifest(Path("reports/manifest/filter.json"))
    written = ["data/filter/kept.txt", "data/filter/rejects.parquet", "reports/ledger/filter.json"]
    assert list(manifest["artifacts"]) == written
    assert manifest["params"] == {"limit": 3}
    assert set(manifest["versions"]) == {"pyarrow"}
    assert json.loads(Path("reports/run.json").read_text())["filter"]["seconds"] >= 0
    counts, hint = capsys.readouterr().out.splitlines()
    assert counts.startswith("filter: 3 samples seen, 2 kept, 1 dropped (too_long 1) in ")
    assert hint.startswith("filter: too long costs 33% of the records of filter: raise `filter.max_tokens`")


@pytest.mark.parametrize(
    ("params", "code", "sentence"),
    [
        (
            "filter: {limit: 0}",
            2,
            "filter: params.yaml: filter.limit = 0: input should be greater than or equal to 1\n",
        ),
        (
            "filter: {limit: 3, lmit: 2}",
            2,
            "filter: params.yaml: filter.lmit is not a known key; known here are limit\n",
        ),
        ("render: {}", 2, "filter: params.yaml: the section 'filter' is missing; present are render\n"),
    ],
)
def test_wrong_parameters_stop_before_anything_is_touched(
    params: str, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text(params)
    Path("data/filter").mkdir(parents=True)
    with pytest.raises(SystemExit) as stopped:
        Stage("filter", FilterParams, work).main([])
    assert stopped.value.code == code
    assert capsys.readouterr().err == sentence
    assert Path("data/filter").exists()


def test_a_run_in_a_notebook_raises_and_needs_no_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir("/")
    stage = Stage("filter", FilterParams, work)
    assert stage.run(tmp_path).kept == 2
    assert (tmp_path / "reports" / "manifest" / "filter.json").is_file()
    assert stage.run(str(tmp_path), FilterParams(limit=3)).seen == 3
    assert Path.cwd() == Path("/")
    (tmp_path / "params.yaml").write_text("filter: {limit: 0}")
    with pytest.raises(ParamsError):
        stage.run(tmp_path)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [["--limt=3"], ["limit=3"], ["--help", "-x"]])
def test_unknown_arguments_are_refused_before_anything_is_touched(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/filter").mkdir(parents=True)
    with pytest.raises(SystemExit) as stopped:
        Stage("filter", FilterParams, work).main(arguments)
    assert stopped.value.code == 2
    assert f"filter: unknown argument {arguments[-1]}" in capsys.readouterr().err
    assert Path("data/filter").exists()


def test_help_lists_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    Stage("filter", FilterParams, work, options={"--again": "once more"}).main(["--help"])
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m pipeline.filter [--again]\n  --again  once more\n")
    assert "  filter.limit (integer, required)  most tokens\n" in text
    assert not Path("reports").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_help(stage: str) -> None:
    text = importlib.import_module(f"pipeline.{stage}").STAGE.help()
    assert f"  {stage}." in text


def test_a_stale_fingerprint_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    CODE.mkdir(parents=True)
    lines = stage_lines("filter")
    (CODE / "filter.txt").write_text("\n".join(lines) + "\n")
    Stage("filter", FilterParams, work).main([])
    lines[0] = "0" * 16 + lines[0][16:]
    (CODE / "filter.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit) as stopped:
        Stage("filter", FilterParams, work).main([])
    assert stopped.value.code == 1
    changed = lines[0].split()[1]
    assert f"filter: {changed} changed since the stage `code` ran; run `dvc repro filter`" in capsys.readouterr().err


def test_failed_work_leaves_no_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(run: StageRun[FilterParams]) -> None:
        raise InputError("x.txt: cannot be read; do y")

    with pytest.raises(SystemExit) as stopped:
        Stage("filter", FilterParams, fail).main([])
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "filter: x.txt: cannot be read; do y\n"
    assert not Path("reports/manifest/filter.json").exists()


def test_a_full_disk_is_one_sentence_and_leaves_no_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    def fill(run: StageRun[FilterParams]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(SystemExit) as stopped:
        Stage("filter", FilterParams, fill).main([])
    assert stopped.value.code == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not Path("reports/manifest/filter.json").exists()


def test_a_lost_record_is_our_mistake_and_shows() -> None:
    def lose(run: StageRun[FilterParams]) -> None:
        run.ledger.add_seen(1)

    with pytest.raises(AssertionError, match="neither kept nor dropped"):
        Stage("filter", FilterParams, lose).main([])


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00", None])
def test_a_damaged_note_of_costs_fails_no_stage(content: str | None) -> None:
    notes = Path("reports/run.json")
    notes.parent.mkdir()
    if content is None:
        notes.mkdir()  # cannot be written
    else:
        notes.write_text(content)
    Stage("filter", FilterParams, work).main([])
    assert content is None or set(json.loads(notes.read_text())) == {"filter"}


def test_an_experiment_uses_the_cache_of_the_project_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"
    temporary.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))  # DVC sets it for both
    assert cache_root() == state_root() == Path(".cache")
    monkeypatch.chdir(temporary)
    assert cache_root() == state_root() == tmp_path / ".cache"
    monkeypatch.setenv("IM2LATEX_STATE", "elsewhere")
    assert state_root() == Path("elsewhere")
    monkeypatch.setenv("IM2LATEX_STATE", "")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "another"))
    assert state_root() == Path(".cache")
