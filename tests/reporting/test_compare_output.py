from pathlib import Path

from im2latex.metrics.score import score_predictions
from im2latex.reporting.compare import compare
from im2latex.reporting.compare_output import write_page
from im2latex.reporting.run_data import SAMPLES, RunData, read_run_data
from tests.fakes import FakeRenderer
from tests.reporting.comparing import predictions, write_project, wrong
from tests.reporting.test_html import Balance


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
