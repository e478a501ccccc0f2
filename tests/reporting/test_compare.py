import json
from pathlib import Path

import pytest
from rich.console import Console

from im2latex.errors import InputError, UsageError
from im2latex.io.parquet import write_table
from im2latex.metrics.score_predictions import score_predictions
from im2latex.reporting.compare import Comparison, compare, select_scores
from im2latex.reporting.comparison_output import as_json, as_text, write_page
from im2latex.reporting.run_data import SAMPLES, RunData, read_run_data
from tests.fakes import FakeRenderer
from tests.reporting.comparing import predictions, write_json, write_project, wrong
from tests.reporting.test_html import Balance

BAD = wrong(*range(10, 40))


def compared(a: Path, b: Path) -> Comparison:
    return compare(
        read_run_data(str(a), "test", score_predictions),
        read_run_data(str(b), "test", score_predictions),
        resamples=100,
        seed=0,
    )


def shown(found: Comparison) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(as_text(found, select_scores(found, ()), 2))
    return capture.get()


@pytest.fixture
def a(tmp_path: Path) -> Path:
    return write_project(tmp_path / "a", predictions(wrong(3, 7)), rate=0.1)


def test_a_run_is_equal_to_itself(a: Path) -> None:
    found = compared(a, a)
    assert {one.outcome for one in found.scores} == {"equal"}
    assert {one.test.p for one in found.scores if one.test} == {1.0}
    assert (found.better, found.worse, found.notes, found.params) == ((), (), (), {})
    assert "60 formulas in both: 0 better in B, 0 worse, 60 equal" in shown(found)


def test_a_worse_run_is_reported_with_its_formulas(a: Path, tmp_path: Path) -> None:
    found = compared(a, write_project(tmp_path / "b", predictions(wrong(3) | BAD), rate=0.2))
    outcomes = {one.name: one.outcome for one in found.scores}
    assert {outcomes[name] for name in ("bleu", "edit", "exact", "image_exact", "cer")} == {"worse"}
    assert outcomes["compiles"] == "not significant"
    assert [one.a["formula_id"] for one in found.better] == [f"{7:032x}"]
    assert len(found.worse) == 30
    assert found.params == {"train.rate": (0.1, 0.2)}
    text = shown(found)
    assert "1 better in B, 30 worse, 29 equal" in text
    assert r"\broken" in text
    content = json.loads(json.dumps(as_json(found, 2)))
    assert content["samples"] == {
        **{"both": 60, "better": 1, "worse": 30, "same": 29},
        **{"only_a": [], "only_b": [], "other_reference": []},
    }
    assert (len(content["worse"]), content["better"][0]["a"]) == (2, r"\broken")
    assert content["scores"]["exact"]["change"] == pytest.approx(-29 / 60, abs=1e-6)
    assert content["scores"]["exact"]["p_worse"] < 0.05


def test_samples_that_one_side_lacks_are_counted_and_named(a: Path, tmp_path: Path) -> None:
    b = write_project(tmp_path / "b", predictions({}, 2, 60), dataset="9999")
    found = compared(a, b)
    assert found.pairs
    assert len(found.pairs.a) == 58
    assert found.notes == (
        "the datasets differ: 5c1e in A, 9999 in B",
        f"2 formulas ({0:012x}, {0:012x}) only in A",
    )
    assert as_json(found, 0)["samples"]["only_a"] == [f"{number:032x}" for number in (0, 1)]


def test_without_samples_the_published_scores_are_compared(a: Path, tmp_path: Path) -> None:
    b = write_project(tmp_path / "b", predictions(BAD))
    (b / SAMPLES).unlink()
    found = compared(a, b)
    outcomes = {one.name: one.outcome for one in found.scores}
    assert found.pairs is None
    assert (outcomes["exact"], outcomes["compiles"]) == ("worse", "not significant")
    assert found.notes[0].startswith(f"{b}: {SAMPLES} is missing; `dvc repro evaluate` computes them")
    assert "compared by published scores" in shown(found)
    assert as_json(found, 3)["samples"] is None


def test_a_training_that_the_clock_ended_is_named(a: Path, tmp_path: Path) -> None:
    b = write_project(tmp_path / "b", predictions(wrong(3, 7)), rate=0.1)
    counts = {"samples": 1_240, "sample_budget": 1_234}
    write_json(a / "reports/manifest/train.json", {"params": {"budget": {"samples": 1_234}}, "counts": counts})
    write_json(b / "reports/manifest/train.json", {"params": {"budget": {"minutes": 2}}, "counts": counts})
    assert compared(a, b).notes == (
        f"{b}: trained for 1,240 samples; budget by the clock: minutes = 2 became 1,234 samples",
    )


def test_samples_of_another_run_are_doubted(a: Path) -> None:
    metrics = json.loads((a / "reports/metrics.json").read_text())
    write_json(a / "reports/metrics.json", metrics | {"bleu": 0.5})
    assert "published is bleu 0.500000, but its samples" in (
        read_run_data(str(a), "test", score_predictions).inconsistency or ""
    )


def test_files_of_predictions_and_of_scores(a: Path, tmp_path: Path) -> None:
    write_table(predictions(BAD), tmp_path / "predictions.parquet")
    found = compared(a / SAMPLES, tmp_path / "predictions.parquet")
    assert found.notes == ()
    assert "image_exact" not in {one.name for one in found.scores}
    assert {one.name: one.outcome for one in found.scores}["exact"] == "worse"


def test_mistakes(a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="absent: neither a folder, a file, nor a commit or experiment"):
        read_run_data("absent", "test", score_predictions)
    with pytest.raises(InputError, match="no such file"):
        read_run_data("absent.parquet", "test", score_predictions)
    with pytest.raises(InputError, match="has no predictions, for it has no column split, input, reference"):
        read_run_data(str(a / "data/bucket/test/shard-00000.parquet"), "test", score_predictions)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_run_data(str(a / "params.yaml"), "test", score_predictions)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: has no scores"):
        read_run_data("empty", "test", score_predictions)
    with pytest.raises(UsageError, match="--score speed: not a score of both"):
        select_scores(compared(a, a), ["speed"])


def page(a: RunData, b: RunData, out: Path) -> str:
    found = compare(a, b, resamples=50, seed=0)
    size = write_page(found, [one.name for one in found.scores], 2, FakeRenderer(), out)
    text = out.read_text()
    assert len(text.encode()) == size
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert all(address.startswith("data:image/png;base64,") for address in parser.addresses)
    assert "<script" not in text
    assert "url(" not in text
    return text


def test_the_page_shows_both_sides_and_what_changed(tmp_path: Path) -> None:
    folders = [
        write_project(tmp_path / "a<b", predictions(wrong(3, 7)), rate=0.1),
        write_project(tmp_path / "b", predictions(wrong(*range(10, 40))), rate=0.2),
    ]
    a, b = (read_run_data(str(folder), "test", score_predictions) for folder in folders)
    text = page(a, b, tmp_path / "deep" / "compare.html")
    shown = ["a&lt;b", "60 formulas in both: 2 better in B, 30 worse", "Parameters that differ"]
    shown += ["train.rate", "The first 2 of 30", "Same string", "−0.4", "undefined macro", r"<ins>\broken</ins>"]
    assert [words for words in shown if words not in text] == []
    assert text.count('<article class="example"') == 4
    assert text.count('alt="Input of') == 4
    assert text.count('alt="Difference of') == 3


def test_without_samples_the_page_has_no_formulas(tmp_path: Path) -> None:
    folders = [write_project(tmp_path / name, predictions({})) for name in "ab"]
    (folders[0] / SAMPLES).unlink()
    a, b = (read_run_data(str(folder), "test", score_predictions) for folder in folders)
    text = page(a, b, tmp_path / "compare.html")
    assert "Published scores; the samples behind them are not available" in text
    assert "is missing" in text
    assert "<article" not in text
