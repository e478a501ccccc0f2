from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
import pytest

from im2latex.errors import ToolError
from im2latex.rendering import document, tex_format
from im2latex.rendering.tex_process import TexLauncher
from im2latex.rendering.typesetter import PageResult, Typesetter, parse_log
from im2latex.sandbox.process import CompletedProcess
from im2latex.sandbox.resource_limits import ProcessLimits

MARGIN = 24


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    template = document.TemplateParams()
    preamble = tex_format.load(document.preamble(template, document.PageParams()))
    return Typesetter(template, TexLauncher(preamble, ProcessLimits()), 3)


@pytest.mark.needs_tex
def test_every_formula_has_exactly_one_verdict_and_its_page(typesetter: Typesetter) -> None:
    formulas = ["x", r"\bgroup y", r"\frac{a}{b}", r"\nosuchmacro", r"\begingroup", "z"]
    verdicts: dict[int, PageResult] = {}
    for printed in typesetter.typeset(formulas, MARGIN):
        assert not verdicts.keys() & printed.results.keys()
        verdicts |= printed.results
        for verdict in printed.results.values():
            if verdict.page is not None:
                assert printed.pdf is not None
                with pypdfium2.PdfDocument(printed.pdf) as pdf:
                    width, height = pdf[verdict.page - 1].get_size()
                assert (height / 0.36, width / 0.36) == pytest.approx(verdict.size, abs=1e-3)
    assert {number: verdict.reason for number, verdict in sorted(verdicts.items())} == {
        0: None,
        1: "unbalanced",
        2: None,
        3: "undefined_macro",
        4: "unbalanced",
        5: None,
    }


@pytest.mark.needs_tex
def test_the_pdf_repeats_to_the_byte_and_holds_no_bitmap_font(typesetter: Typesetter) -> None:
    def pdf() -> bytes:
        runs = typesetter.typeset([r"\mathpzc{A} \mathscr{B} \mathfrak{c} \mathbb{D} x"], MARGIN)
        printed = next(runs)
        assert printed.pdf is not None
        return printed.pdf.read_bytes()

    content = pdf()
    assert pdf() == content
    assert b"/Type3" not in content
    assert b"/Type1" in content


def verdicts_of(extra_preamble: str, formulas: list[str]) -> dict[int, PageResult]:
    template = document.TemplateParams(extra_preamble=extra_preamble)
    preamble = tex_format.load(document.preamble(template, document.PageParams()))
    verdicts: dict[int, PageResult] = {}
    for printed in Typesetter(template, TexLauncher(preamble, ProcessLimits()), 3).typeset(formulas, MARGIN):
        verdicts |= printed.results
    return verdicts


@pytest.mark.needs_tex
def test_a_run_that_fails_after_its_last_formula_is_halved() -> None:
    # A font has no outlines, which pdfTeX finds only when it closes the PDF.
    verdicts = verdicts_of(r"\def\bitmap{\pdfmapline{-cmtt12}\mathtt{x}}", ["x", r"\bitmap", r"\mathtt{y}"])
    assert {number: (verdict.reason, verdict.detail) for number, verdict in sorted(verdicts.items())} == {
        0: (None, ""),
        1: ("missing_font", "cmtt12"),
        2: (None, ""),
    }


@pytest.mark.needs_tex
def test_a_font_file_that_is_missing_is_no_verdict() -> None:
    with pytest.raises(ToolError, match=r"nosuchfont\.pfb.*im2latex doctor"):
        verdicts_of(r"\def\broken{\pdfmapline{=cmtt12 CMTT12 <nosuchfont.pfb}\mathtt{x}}", ["x", r"\broken"])


class Ended:
    """Stands in for TeX; every run ends in the same way."""

    def __init__(self, done: CompletedProcess) -> None:
        self._done = done

    @contextmanager
    def run(self, source: str, cpu_seconds: float) -> Iterator[tuple[CompletedProcess, Path]]:
        yield self._done, Path()


@pytest.mark.parametrize(
    "done",
    [
        CompletedProcess(1, b"", b"", timed_out=False),
        CompletedProcess(127, b"", b"pdftex: error while loading shared libraries: libpng16.so.16", timed_out=False),
        CompletedProcess(
            1, b"This is pdfTeX\n---! im2latex.fmt made by different executable version\n", b"", timed_out=False
        ),
        CompletedProcess(1, b"(Fatal format file error; I'm stymied)\n", b"", timed_out=False),
        CompletedProcess(-9, b"\nMARK start 0\n", b"", timed_out=True, stalled=True),
        CompletedProcess(1, b"\nMARK start 0\n! I can't write on file `batch.log'.\n", b"", timed_out=False),
        CompletedProcess(
            1, b"\nMARK start 0\n!pdfTeX error: pdftex (file a.pfb): cannot open Type 1 font file\n", b"", False
        ),
    ],
    ids=lambda done: (done.stdout + done.stderr).decode()[:20],
)
def test_a_failure_of_the_tools_is_no_verdict(done: CompletedProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "body", lambda formulas, template, margin: ("", "MARK"))
    with pytest.raises(ToolError):
        list(Typesetter(document.TemplateParams(), Ended(done), 3).typeset(["x", "y"], MARGIN))


MARK = "@0123"


def said(*messages: str) -> str:
    """A transcript in which TeX says the messages, each after a marker; others are its own chatter."""
    return "This is pdfTeX\n" + "".join(f"\n{MARK} {message}\n" for message in messages)


def test_pages_are_counted_in_the_order_of_shipping() -> None:
    text = said(
        "start 0", "page 30 20", "start 1", "wide 9000", "start 2", "tall 5000", "start 3", "page 8 9", "finish"
    )
    record = parse_log(text, MARK)
    assert record.results == {
        0: PageResult(1, size=(20, 30)),
        1: PageResult(None, "too_wide", "9000 px"),
        2: PageResult(None, "too_tall", "5000 px"),
        3: PageResult(2, size=(9, 8)),
    }
    assert (record.finished, record.last, record.pages, record.left_open) == (True, 3, 2, False)


def test_an_error_fails_the_formula_and_its_page_still_counts() -> None:
    text = said("start 0\n! Undefined control sequence.\nl.7 a \\foo\n          b", "page 1 1", "start 1", "page 2 2")
    record = parse_log(text, MARK)
    assert record.results == {0: PageResult(None, "undefined_macro", r"\foo"), 1: PageResult(2, size=(2, 2))}
    assert not record.finished


def test_a_run_that_was_lost_names_its_last_formula() -> None:
    record = parse_log(said("start 0", "page 1 1", "start 1", "lost"), MARK)
    assert (record.left_open, record.last, record.finished) == (True, 1, False)


def test_text_of_a_formula_is_no_marker() -> None:
    record = parse_log(said("start 0\n! Missing $ inserted.\nl.3 @9999 start 5", "page 1 1", "finish"), MARK)
    assert set(record.results) == {0}


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        ("! LaTeX Error: Environment foo undefined.", "undefined_environment", "foo"),
        ("! Missing character: There is no a in font rsfs10!", "missing_character", "a"),
        ("! Missing $ inserted.", "missing_dollar", "Missing $ inserted."),
        ("! Extra alignment tab has been changed to \\cr.", "extra_alignment", None),
        ("! Paragraph ended before \\frac was complete.", "runaway", None),
        ("! Extra }, or forgotten $.", "unbalanced", None),
        ("! TeX capacity exceeded, sorry [grouping levels=255].", "too_deep", None),
        ("! TeX capacity exceeded, sorry [main memory size=5000000].", "memory", None),
        ("! Dimension too large.", "dimension_too_large", None),
        ("! Double superscript.", "double_script", None),
        ("! Illegal unit of measure (pt inserted).", "bad_length", None),
        ("LaTeX Warning: Reference `x' on page 1 undefined on input line 33.", "undefined_reference", "`x'"),
        (
            'LaTeX Warning: Command \\" invalid in math mode on input line 27.',
            "wrong_mode",
            'LaTeX Warning: Command \\" invalid in math mode',
        ),
        ("! Something new.", "tex_error", "Something new."),
    ],
)
def test_reasons(message: str, reason: str, detail: str | None) -> None:
    verdict = parse_log(said(f"start 0\n{message}\nl.3 x"), MARK).results[0]
    assert verdict.reason == reason
    assert detail is None or verdict.detail == detail
