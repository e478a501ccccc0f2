import json
from pathlib import Path

import pytest
from rich.console import Console

from im2latex.errors import UsageError
from im2latex.metrics.score_predictions import score_predictions
from im2latex.reporting.gate import GateResult, as_markdown, as_table, default_base, gate
from im2latex.reporting.run_data import SAMPLES, read_run_data
from tests.reporting.comparing import predictions, write_json, write_ledger, write_project, wrong

FEW, MANY = wrong(3, 7), wrong(3, *range(10, 40))


def gated(base: Path, now: Path, *asked: str, ledger: float | None = None) -> GateResult:
    sides = [read_run_data(str(folder), "test", score_predictions) for folder in (base, now)]
    return gate(sides[0], sides[1], asked, ledger, resamples=200, seed=0)


def failed(found: GateResult) -> list[str]:
    return [check.name for check in found.failed]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_project(tmp_path / "base", predictions(FEW))


def doctored(folder: Path, **scores: float) -> Path:
    """The same run with other published scores."""
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    write_json(folder / "reports/metrics.json", metrics | scores)
    return folder


def test_the_same_run_passes(base: Path, tmp_path: Path) -> None:
    found = gated(base, write_project(tmp_path / "now", predictions(FEW)))
    assert found.failed == ()
    assert [check.name for check in found.checks] == ["image_exact", "exact", "bleu", "edit", "compiles"]
    assert found.notes == ("compared on the same 60 samples by paired bootstrap",)
    assert "**No checked score is worse" in as_markdown(found)


def test_a_better_run_passes(base: Path, tmp_path: Path) -> None:
    assert gated(base, write_project(tmp_path / "now", predictions({}))).failed == ()


@pytest.mark.parametrize("samples", [True, False])
def test_a_worse_run_fails_with_and_without_samples(samples: bool, base: Path, tmp_path: Path) -> None:
    now = write_project(tmp_path / "now", predictions(MANY))
    if not samples:
        (now / SAMPLES).unlink()
    found = gated(base, now, "cer", "exact", "compiles")
    assert failed(found) == ["cer", "exact"]
    assert ("compared by published intervals, not by samples" in found.notes) != samples
    table = as_markdown(found)
    assert f"**Worse than in {base}: cer, exact.**" in table
    assert "| **exact** |" in table
    console = Console(width=200)
    with console.capture() as capture:
        console.print(as_table(found))
    assert [line.split()[-1] for line in capture.get().splitlines()[1:]] == ["FAILS", "FAILS", "ok"]


def test_a_fall_that_intervals_do_not_show_is_found_by_samples(tmp_path: Path) -> None:
    base = write_project(tmp_path / "base", predictions(wrong(*range(20, 40))))
    now = write_project(tmp_path / "now", predictions(wrong(*range(20, 44))))
    assert failed(gated(base, now, "exact")) == ["exact"]
    (now / SAMPLES).unlink()
    assert failed(gated(base, now, "exact")) == []


@pytest.mark.parametrize("samples", [True, False])
def test_a_doctored_metrics_file_is_caught(samples: bool, base: Path, tmp_path: Path) -> None:
    now = doctored(write_project(tmp_path / "now", predictions(FEW)), bleu=0.5)
    if not samples:
        (now / SAMPLES).unlink()
    found = gated(base, now)
    assert failed(found) == ["bleu"]
    assert any("published is bleu 0.5" in note for note in found.notes) == samples


def test_other_test_sets_are_compared_by_intervals(base: Path, tmp_path: Path) -> None:
    now = write_project(tmp_path / "now", predictions(MANY, 1, 60), dataset="9999")
    found = gated(base, now, "exact")
    assert failed(found) == ["exact"]
    assert found.notes[0].startswith("the dataset changed: 5c1e in")
    assert found.notes[1].startswith(f"the test sets differ: 1 formula ({0:012x}) only in {base}; compared by")


def test_a_score_that_is_gone_fails(base: Path, tmp_path: Path) -> None:
    now = write_project(tmp_path / "now", predictions(FEW))
    (now / SAMPLES).unlink()
    metrics = json.loads((now / "reports/metrics.json").read_text())
    del metrics["image_exact"]
    write_json(now / "reports/metrics.json", metrics)
    assert failed(gated(base, now)) == ["image_exact"]


def test_the_ledger_is_watched_where_asked(base: Path, tmp_path: Path) -> None:
    now = write_project(tmp_path / "now", predictions(FEW))
    write_ledger(now, kept=80)
    assert failed(gated(base, now)) == []
    assert failed(gated(base, now, ledger=0.05)) == ["kept by filter"]
    assert failed(gated(base, now, ledger=0.2)) == []
    (now / "reports/ledger/filter.json").unlink()
    assert failed(gated(base, now, ledger=0.2)) == ["kept by filter"]


def test_a_run_that_was_not_evaluated_or_has_another_corpus_is_not_compared(base: Path, tmp_path: Path) -> None:
    now = write_project(tmp_path / "now", predictions(FEW))
    for folder, digest in ((base, "1"), (now, "2")):
        write_json(folder / "reports/manifest/normalize.json", {"raw_dataset": {"formulas.txt": {"sha256": digest}}})
    with pytest.raises(UsageError, match="the corpora differ: .* in this run; .* name a base") as refused:
        gated(base, now)
    assert refused.value.exit_code == 2
    stages = {
        "bucket": {"outs": [{"path": "data/bucket", "md5": "new"}]},
        "evaluate": {"deps": [{"path": "data/bucket", "md5": "old"}]},
    }
    write_json(now / "dvc.lock", {"stages": stages})
    with pytest.raises(UsageError, match="this run was not evaluated .* `dvc repro evaluate`"):
        gated(base, now)


def test_wrong_usage(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--score speed: .*base has no such score; it has image_exact, exact"):
        gated(base, base, "speed")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="neither origin/main nor main is a commit here"):
        default_base()
