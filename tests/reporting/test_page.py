import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from im2latex.reporting import page
from im2latex.reporting.content import (
    Audit,
    ByLength,
    Curve,
    Example,
    Fault,
    Gallery,
    Histogram,
    Learnt,
    Line,
    Padding,
    PageContent,
    Provenance,
    Score,
    StageCount,
)
from im2latex.reporting.findings import Part, Picture
from im2latex.reporting.page import render_page, write_page
from im2latex.reporting.pictures import data_uri

EXAMPLE = Example("ab" * 16, r"x < y & \alpha", r"x > y", 3, False, None, Picture(b"png", 30, 9), None, None)
CONTENT = PageContent(
    title="A <small> model",
    split="test",
    samples=12345,
    failures={"undefined_macro": 7},
    reference_failures={},
    controls=("Blank picture",),
    scores=(Score("cer", "Character error rate", "wrong", True, 0.25, (0.2, 0.3), (0.9,)),),
    stages=(
        StageCount("render", 100, 90, 10, (("no_ink", 8), ("timeout", 2))),
        StageCount("predict", 20, 20, 0, ()),
    ),
    audit=Audit(30, 25, 23, 2, 0, 1, (("synonym", 2),), (Fault("changed", "synonym", r"a < b", "c", None, None),)),
    histograms=(Histogram("Width", "px", (0, 5, 10), (3, 4)),),
    padding=Padding(24, 0.7112, 0.7036),
    curves=(Curve("Loss", (Line("training", ((1, 2.0), (2, 1.0))),)),),
    learnt=(Learnt("cd", r"a < \beta", ((1, "c"), (2345, r"a < \gamma"))),),
    by_length=(ByLength("Same picture", (Part("0-20", 5, 0.5, (0.4, 0.6)),)),),
    galleries=(Gallery("Random", "By chance.", (EXAMPLE,)),),
    provenance=Provenance({"data set": "5c1e"}, {"numpy": "2.4"}, "seed: 1"),
)


class Balance(HTMLParser):
    """Fails where a tag is closed that is not the last one opened, and gathers addresses."""

    VOID = frozenset({"meta", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"path", "circle", "rect", "polyline"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_padding_of_batches_is_told() -> None:
    page = render_page(CONTENT).decode()
    assert "one of 24 shapes" in page
    assert "<b>71.12 %</b> of their pixels" in page


def test_the_page_is_one_balanced_file_without_the_network() -> None:
    text = render_page(CONTENT).decode()
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert parser.addresses == [data_uri(b"png")]
    assert "url(" not in text
    assert "<script" not in text


def test_everything_in_the_content_is_shown_and_escaped() -> None:
    text = render_page(CONTENT).decode()
    shown = ["A &lt;small&gt; model", "12,345", "undefined macro", "0.250", "0.200 – 0.300", "0.900", "no ink"]
    shown += ["works on 20 of 90", "By chance.", "other picture, 3 wrong tokens", "5c1e", "numpy", "seed: 1"]
    shown += ["<del>&lt;</del>", "<ins>&gt;</ins>"]
    shown += [r"<code>a &lt; <ins>\gamma</ins></code>", "2,345", "read 1 validation pictures"]
    assert [words for words in shown if words not in text] == []


def test_sections_without_content_are_left_out() -> None:
    text = render_page(replace(CONTENT, curves=(), by_length=(), galleries=(), histograms=(), stages=())).decode()
    for heading in ("Learning curve", "Scores by length", "Examples", "The data set", "From raw formulas"):
        assert heading not in text


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write_page(CONTENT, tmp_path / "deep" / "report.html") == len(render_page(CONTENT))
    assert (tmp_path / "deep" / "report.html").read_bytes() == render_page(CONTENT)


def test_a_page_that_is_too_large_loses_examples_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_BYTES", 40_000)
    heavy = replace(EXAMPLE, input=Picture(os.urandom(12_000), 30, 9))
    content = replace(CONTENT, galleries=(Gallery("Random", "By chance.", (EXAMPLE, heavy, heavy)),))
    assert write_page(content, tmp_path / "report.html") <= 40_000
    text = (tmp_path / "report.html").read_text()
    assert "Left out to keep the page small: 1." in text
    assert text.count('<article class="example"') == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"same_picture": True, "edits": 0}, ("same picture, same string", "right")),
        ({"same_picture": True, "edits": 1}, ("same picture, 1 wrong token", "right")),
        ({"same_picture": None, "edits": 0}, ("same string", "right")),
        ({"same_picture": None, "edits": 2}, ("2 wrong tokens", "wrong")),
        ({"failure": "undefined_macro"}, ("undefined macro", "failed")),
    ],
)
def test_verdicts_in_words(changes: dict[str, object], words: tuple[str, str]) -> None:
    assert page._verdict(replace(EXAMPLE, **changes)) == words  # type: ignore[arg-type]
