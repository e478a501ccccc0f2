"""Runs on disk and in git; the scores are made up."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from im2latex.errors import ArtifactError, InputError, UsageError
from im2latex.metrics.score_predictions import score_predictions
from im2latex.reporting.compare import compare
from im2latex.reporting.run_data import SAMPLES, read_run_data
from im2latex.reporting.runs import (
    FolderFiles,
    RunSummary,
    as_json,
    as_table,
    differing_params,
    open_run_files,
    read_folder,
    read_project,
    shown_scores,
    sort_runs,
)
from tests.reporting.comparing import predictions, wrong
from tests.reporting.comparing import write_project as write_scored_project


def metrics(bleu: float) -> dict[str, Any]:
    return {"bleu": bleu, "cer": 1 - bleu, "n": 677, "intervals": {"bleu": [bleu - 0.1, bleu + 0.1]}, "failures": {}}


def write_project(folder: Path, bleu: float, params: dict[str, Any]) -> None:
    (folder / "reports" / "manifest").mkdir(parents=True, exist_ok=True)
    (folder / "reports" / "metrics.json").write_text(json.dumps(metrics(bleu)))
    (folder / "reports" / "manifest" / "train.json").write_text(json.dumps({"counts": {"samples": 37_000}}))
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def write_checkpoint(folder: Path) -> None:
    folder.mkdir()
    recipe = {"seed": 3, "optimizer": {"learning_rate": 0.5}}
    content = {"model": {"layers": 2}, "recipe": recipe, "counts": {"samples": 96}}
    (folder / "checkpoint.json").write_text(json.dumps(content))
    (folder / "log.jsonl").write_text('{"samples": 48, "val_exact": 0.1}\n{"samples": 96, "val_exact": 0.25}\n')


@pytest.fixture
def found(tmp_path: Path) -> list[RunSummary]:
    """Two projects and a checkpoint."""
    for name, bleu, rate in (("a", 0.7, 0.001), ("b", 0.8, 0.002)):
        train = {"seed": 3, "optimizer": {"learning_rate": rate}, "budget": {"samples": 9}}
        write_project(tmp_path / name, bleu, {"dataset": "sample", "train": train})
    write_checkpoint(tmp_path / "c")
    return [read_folder(tmp_path / name) for name in "abc"]


def printed(runs: list[RunSummary], *scores: str) -> list[list[str]]:
    console = Console(width=300)
    with console.capture() as capture:
        console.print(as_table(runs, shown_scores(runs, scores)))
    return [line.split() for line in capture.get().splitlines()]


def test_scores_samples_and_what_differs(found: list[RunSummary]) -> None:
    assert [run.samples for run in found] == [37_000, 37_000, 96]
    assert differing_params(found) == ("train.optimizer.learning_rate",)
    [first, _, last] = as_json(found)
    assert first["params"] == {"train.optimizer.learning_rate": 0.001}
    assert first["scores"] == {"bleu": 0.7, "cer": pytest.approx(0.3)}
    assert first["intervals"]["bleu"] == pytest.approx((0.6, 0.8))
    assert (last["n"], last["scores"], last["params"]) == (
        None,
        {"val_exact": 0.25},
        {"train.optimizer.learning_rate": 0.5},
    )


def test_the_table_shows_validation_only_where_a_run_has_nothing_else(found: list[RunSummary]) -> None:
    [header, first, _, last] = printed(found)
    assert header == ["run", "n", "trained", "on", "bleu", "val_exact", "optimizer.learning_rate"]
    assert first[1:] == ["677", "37,000", "0.700", "(0.600–0.800)", "0.001"]
    assert last[1:] == ["96", "0.250", "0.5"]
    assert "val_exact" not in printed(found[:2])[0]
    assert printed(found, "cer")[0][4:] == ["cer", "optimizer.learning_rate"]


def test_names_are_as_short_as_they_are_clear(found: list[RunSummary]) -> None:
    names = ("dataset", "train.encoder.layers", "train.decoder.layers", "x.budget.samples", "y.budget.samples")
    runs = [RunSummary(str(value), None, None, {}, {}, dict.fromkeys(names, value)) for value in (1, 2)]
    assert printed(runs)[0][4:] == [
        "dataset",
        "encoder.layers",
        "decoder.layers",
        "x.budget.samples",
        "y.budget.samples",
    ]


def test_best_first(found: list[RunSummary]) -> None:
    for metric in ("bleu", "cer"):
        assert [Path(run.name).name for run in sort_runs(found, metric)] == ["b", "a", "c"]
    with pytest.raises(UsageError, match="--metric speed: no run has this score; there are bleu, cer, val_exact"):
        sort_runs(found, "speed")


def test_scores_of_an_older_model_are_not_those_of_the_run(tmp_path: Path) -> None:
    write_project(tmp_path, 0.7, {})
    (tmp_path / "reports" / "train").mkdir()
    (tmp_path / "reports" / "train" / "metrics.json").write_text('{"val_exact": 0.25}')
    for trained, scores in (("old", {"bleu", "cer"}), ("new", {"val_exact"})):
        train = {"outs": [{"path": "data/train", "md5": trained}]}
        predict = {"deps": [{"path": "data/train", "md5": "old"}, {"path": "pipeline/predict.py", "md5": "x"}]}
        (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": {"train": train, "predict": predict}}))
        assert set(read_folder(tmp_path).scores) == scores


@pytest.mark.parametrize(
    ("bucketed", "seed", "scores", "samples"),
    [
        ("old", 1, {"bleu", "cer"}, 37_000),
        ("new", 1, set(), None),  # stopped at `bucket`: both other stages have the model of before
        ("old", 2, set(), None),  # a parameter of `train` changed
    ],
)
def test_a_run_that_stopped_early_has_no_scores_of_another_model(
    tmp_path: Path, bucketed: str, seed: int, scores: set[str], samples: int | None
) -> None:
    write_project(tmp_path, 0.7, {"train": {"seed": seed}})
    (tmp_path / "reports" / "train").mkdir()
    (tmp_path / "reports" / "train" / "metrics.json").write_text('{"val_exact": 0.25}')
    stages = {
        "bucket": {"outs": [{"path": "data/bucket", "md5": bucketed}]},
        "train": {
            "deps": [{"path": "data/bucket", "md5": "old"}],
            "params": {"params.yaml": {"train.seed": 1}},
            "outs": [{"path": "data/train", "md5": "a"}],
        },
        "predict": {
            "deps": [{"path": "data/train", "md5": "a"}],
            "outs": [{"path": "data/predict", "md5": "b"}],
        },
        "evaluate": {"deps": [{"path": "data/predict", "md5": "b"}]},
    }
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    run = read_folder(tmp_path)
    assert (set(run.scores), run.samples) == (scores, samples)
    assert run.params["train.seed"] == seed
    assert len(printed([run])) == 2


def test_parameters_inside_presets_are_those_of_the_manifest(tmp_path: Path) -> None:
    write_project(tmp_path, 0.7, {"train": {"preset": "small", "model": {}}})
    content = {"counts": {"samples": 9}, "params": {"preset": "small", "model": {"decoder": {"layers": 2}}}}
    (tmp_path / "reports" / "manifest" / "train.json").write_text(json.dumps(content))
    assert read_folder(tmp_path).params == {"train.preset": "small", "train.model.decoder.layers": 2}


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no run"):
        read_folder(tmp_path)


def git(*arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *arguments], check=True
    )


@pytest.mark.filterwarnings("ignore")
def test_commits_that_changed_no_run_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="no runs here"):
        read_project(1)
    git("init", "-q", "-b", "trunk")
    Repo.init().close()
    for number, (bleu, rate) in enumerate([(0.7, 1), (0.8, 2), (0.8, 2)]):
        write_project(tmp_path, bleu, {"train": {"rate": rate}})
        Path("README.md").write_text(f"{number}")
        git("add", "-A")
        git("commit", "-q", "-m", f"number {number}")
        git("tag", f"v{number}")
    write_project(tmp_path, 0.9, {"train": {"rate": 3}})
    runs = read_project(10)
    assert [run.scores["bleu"] for run in runs] == [0.9, 0.8, 0.7]
    assert [run.name for run in runs] == ["workspace", "v1", "v0"]
    assert [run.params for run in runs] == [{"train.rate": 3}, {"train.rate": 2}, {"train.rate": 1}]
    write_project(tmp_path, 0.8, {"train": {"rate": 2}})
    assert [run.name for run in read_project(2)] == ["v1"]


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
        write_scored_project(tmp_path, predictions(bad), rate=number)
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
    with pytest.raises(UsageError, match="v7: neither a folder, a file, nor a commit or experiment of the project"):
        open_run_files("v7")
