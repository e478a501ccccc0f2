from pathlib import Path

from im2latex.metrics.score import score_predictions
from im2latex.reporting.comparison import compare
from im2latex.reporting.comparison_page import write_comparison
from im2latex.reporting.run_data import SAMPLES, Side, read_side
from tests.fakes import FakeRenderer
from tests.reporting.comparing import predictions, write_project, wrong
from tests.reporting.test_html import Balance


def page(a: Side, b: Side, out: Path) -> str:
    found = compare(a, b, resamples=50, seed=0)
    size = write_comparison(found, [one.name for one in found.scores], 2, FakeRenderer(), out)
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
    a, b = (read_side(str(folder), "test", score_predictions) for folder in folders)
    text = page(a, b, tmp_path / "deep" / "compare.html")
    shown = ["a&lt;b", "60 formulas that both read: 2 are read better by B, 30 worse", "Parameters that differ"]
    shown += ["train.rate", "The first 2 of 30", "Same string", "−0.4", "undefined macro", r"<ins>\broken</ins>"]
    assert [words for words in shown if words not in text] == []
    assert text.count('<article class="example"') == 4
    assert text.count('alt="Input of') == 4
    assert text.count('alt="Difference of') == 3


def test_without_samples_the_page_has_no_formulas(tmp_path: Path) -> None:
    folders = [write_project(tmp_path / name, predictions({})) for name in "ab"]
    (folders[0] / SAMPLES).unlink()
    a, b = (read_side(str(folder), "test", score_predictions) for folder in folders)
    text = page(a, b, tmp_path / "compare.html")
    assert "Published scores beside each other" in text
    assert "is not here" in text
    assert "<article" not in text
