import os
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from im2latex.reporting import html
from im2latex.reporting.figures import data_uri
from im2latex.reporting.html import outcome, render_page, write_page
from im2latex.reporting.report_data import (
    AttentionMap,
    AuditFault,
    AuditSummary,
    Breakdown,
    CurveLine,
    ErrorClass,
    ErrorCount,
    ErrorSummary,
    Example,
    Gallery,
    Histogram,
    InlineImage,
    LearningCurve,
    LengthChart,
    Padding,
    PreviousScores,
    Provenance,
    ReportContent,
    RobustnessCondition,
    ScoreCurve,
    ScorePoint,
    ScoreRow,
    SplitCoverage,
    StageLedger,
    SubsetScore,
    TrainingSample,
    ValidationPredictions,
    VocabularyCoverage,
)

EXAMPLE = Example("ab" * 16, r"x < y & \alpha", r"x > y", 3, False, None, InlineImage(b"png", 30, 9), None, None)
MAPS = np.array([[[1, 0, 0]], [[0, 0.1, 0.9]]], np.float32)
ATTENTION_MAP = AttentionMap("ef" * 16, InlineImage(b"page", 30, 8), ("<", r"\beta"), MAPS)
CONTENT = ReportContent(
    title="A <small> model",
    overview={"Model": "tiny, weights 77aa", "Recorded in": "commit 1a2b of 2026-01-31"},
    split="test",
    samples=12345,
    failures={"undefined_macro": 7},
    reference_failures={},
    baselines=("Blank image",),
    scores=(ScoreRow("cer", "Character error rate", "wrong", True, 0.25, (0.2, 0.3), (0.9,)),),
    previous=PreviousScores("9f3c of 2026-01-30", {"cer": 0.2}),
    score_curves=(
        ScoreCurve("Correct against length", "tokens", (ScorePoint(7.5, 0.25, (0.1, 0.4), 33),), None),
        ScoreCurve("Correct against confidence", "probability", (ScorePoint(0.5, 0.25, (0.1, 0.4), 34),), 0.125),
    ),
    stages=(
        StageLedger("render", 100, 90, 10, (("no_ink", 8), ("timeout", 2))),
        StageLedger("predict", 20, 20, 0, ()),
    ),
    audit=AuditSummary(
        30, 25, 23, 2, 0, 1, (("synonym", 2),), (AuditFault("changed", "synonym", r"a < b", "c", None, None),)
    ),
    histograms=(Histogram("Width", "px", (0, 5, 10), (3, 4)),),
    padding=Padding(24, 0.7112, 0.7036),
    training_samples=(TrainingSample("fe" * 16, "x" + " y" * 149, InlineImage(b"train", 30, 8)),),
    curves=(LearningCurve("Loss", (CurveLine("training", ((1, 2.0), (2, 1.0))),)),),
    breakdowns=(Breakdown("By source", "Groups.", "Same image", (SubsetScore("paper <1>", 4321, 0.25, (0.2, 0.35)),)),),
    errors=ErrorSummary(
        kinds=(ErrorCount("Same string", 8000, True), ErrorCount("Does not typeset", 4345, False)),
        edits=(("replaced", 4), ("missing", 3), ("extra", 2)),
        of_spacing=1,
        replaced=((r"\dfrac", r"\frac", 77),),
        missing=(("<", 66),),
        extra=(),
        classes=(ErrorClass("Fonts", 4321, 99, 0.0767),),
    ),
    robustness=(RobustnessCondition("jpeg_40", 500, 0.31, 0.62, 0.775),),
    vocabulary=VocabularyCoverage(217, (SplitCoverage("test", 400, 2, 9000, 3),), ((5, 12),), ((r"\neg", 3),)),
    attention_maps=(ATTENTION_MAP,),
    validation_predictions=(ValidationPredictions("cd", r"a < \beta", ((1, "c"), (2345, r"a < \gamma"))),),
    by_length=(LengthChart("Same image", (SubsetScore("0-20", 5, 0.5, (0.4, 0.6)),)),),
    galleries=(Gallery("Random", "By chance.", (EXAMPLE,)),),
    provenance=Provenance({"dataset": "5c1e"}, {"numpy": "2.4"}, "seed: 1"),
)


class Balance(HTMLParser):
    """Fails where a tag is closed that is not the last one opened, and gathers addresses."""

    VOID = frozenset({"meta", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.gather(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def gather(self, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.gather(attrs)
        assert tag in {"path", "circle", "rect", "polyline", "polygon", "use", "image"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_padding_of_batches_is_reported() -> None:
    page = render_page(CONTENT).decode()
    assert "one of 24 shapes" in page
    assert "<b>71.12 %</b> of their pixels" in page


def test_the_page_is_one_balanced_file_without_the_network() -> None:
    text = render_page(CONTENT).decode()
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    outer = {address for address in parser.addresses if not address.startswith("#")}
    assert outer == {data_uri(b"png"), data_uri(b"page"), data_uri(b"train")}
    assert "url(" not in text
    assert "<script" not in text


def test_everything_in_the_content_is_shown_and_escaped() -> None:
    text = render_page(CONTENT).decode()
    shown = ["A &lt;small&gt; model", "12,345", "undefined macro", "0.250", "0.200 – 0.300", "0.900", "no ink"]
    shown += ["processes 20 of 90", "By chance.", "other image, 3 wrong tokens", "5c1e", "numpy", "seed: 1"]
    shown += ["<del>&lt;</del>", "<ins>&gt;</ins>"]
    shown += [r"<code>a &lt; <ins>\gamma</ins></code>", "2,345", "Predictions of 1 validation images"]
    shown += [
        "paper &lt;1&gt;",
        "0.250",
        "left: 20.00%; width: 15.00%",
        "64.8 %",
        r'<code class="missed">\dfrac</code>',
    ]
    shown += ["of these, spacing <b>1</b>", '<code class="missed">&lt;</code>', "jpeg 40", "78 %"]
    shown += [
        "tiny, weights 77aa",
        "commit 1a2b of 2026-01-31",
        "+0.050 since 2026-01-30",
        "calibration error is 0.125",
    ]
    shown += ["all 150 tokens", '<a href="#scores">', '<h2 id="scores">', "no ink costs 8% of the records of render"]
    shown += ["Image quality", 'data-label="Blank image"', "Correct against confidence"]
    shown += ["7.7 %", "217 entries", "0.50 %", "0.03 %", "5 times <b>12</b>", r"<code>\neg</code> <b>3</b>"]
    shown += [
        "efefefefefef",
        "--n: 2",
        "Token 2, \\beta: 80 % from the left",
    ]
    assert [words for words in shown if words not in text] == []
    assert text.count("<table>\n      <caption>") == 3, "no table of extra tokens"


def test_sections_without_content_are_left_out() -> None:
    content = replace(
        CONTENT,
        curves=(),
        by_length=(),
        breakdowns=(),
        robustness=(),
        attention_maps=(),
        galleries=(),
        histograms=(),
        stages=(),
    )
    text = render_page(content).decode()
    for heading in (
        "By source",
        "Other conditions",
        "Where the model looked",
        "Learning curve",
        "Scores by length",
        "Examples",
        "The dataset",
        "From raw formulas",
    ):
        assert heading not in text


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write_page(CONTENT, tmp_path / "deep" / "report.html") == len(render_page(CONTENT))
    assert (tmp_path / "deep" / "report.html").read_bytes() == render_page(CONTENT)


def test_a_page_that_is_too_large_loses_examples_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_BYTES", most := len(render_page(CONTENT)) + 20_000)
    heavy = replace(EXAMPLE, input=InlineImage(os.urandom(12_000), 30, 9))
    content = replace(CONTENT, galleries=(Gallery("Random", "By chance.", (EXAMPLE, heavy, heavy)),))
    assert write_page(content, tmp_path / "report.html") <= most
    text = (tmp_path / "report.html").read_text()
    assert "1 left out to limit the size of the page." in text
    assert text.count('<article class="example"') == 2


def test_attention_is_the_first_to_go_but_for_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_BYTES", most := len(render_page(CONTENT)) + 40_000)
    heavy = replace(ATTENTION_MAP, page=InlineImage(os.urandom(9_000), 30, 8))
    assert write_page(replace(CONTENT, attention_maps=(heavy,) * 6), tmp_path / "report.html") <= most
    text = (tmp_path / "report.html").read_text()
    assert "left out to limit the size of the page" in text
    assert 2 <= text.count('<article class="attention_map') < 6
    assert text.count('<article class="example"') == 1


def test_an_animation_needs_consent_and_no_script() -> None:
    text = render_page(replace(CONTENT, attention_maps=(ATTENTION_MAP, ATTENTION_MAP))).decode()
    assert text.count("checked>") == 1, "one plays by itself, the others when asked"
    assert "prefers-reduced-motion: no-preference" in text
    moving = text[text.index("prefers-reduced-motion: no-preference") :]
    assert "infinite" not in text[: text.index("prefers-reduced-motion: no-preference")]
    assert "infinite" in moving


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"same_image": True, "edits": 0}, ("same image, same string", "right")),
        ({"same_image": True, "edits": 1}, ("same image, 1 wrong token", "right")),
        ({"same_image": None, "edits": 0}, ("same string", "right")),
        ({"same_image": None, "edits": 2}, ("2 wrong tokens", "wrong")),
        ({"failure": "undefined_macro"}, ("undefined macro", "failed")),
    ],
)
def test_verdicts_in_words(changes: dict[str, object], words: tuple[str, str]) -> None:
    assert outcome(replace(EXAMPLE, **changes)) == words  # type: ignore[arg-type]


def test_nothing_is_wider_than_a_phone(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("Chromium is not installed")
    formula = " ".join([r"\operatorname", "{", "x", "}"] * 37)
    group = Breakdown("By source", "", "Same image", (SubsetScore("group_" * 30, 1, 0.5, (0.1, 0.9)),))
    long = replace(EXAMPLE, reference=formula, hypothesis=formula.replace("x", "y"))
    content = replace(
        CONTENT,
        breakdowns=(group,),
        galleries=(Gallery("Most errors", "", (long,)),),
        robustness=(RobustnessCondition("katex_" * 30, 500, 0.31, 0.62, 0.775),),
        validation_predictions=(ValidationPredictions("cd", formula, ((1, formula), (2345, "y" * 300))),),
    )
    write_page(content, tmp_path / "report.html")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto((tmp_path / "report.html").as_uri())
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        page.evaluate("() => document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        browser.close()
