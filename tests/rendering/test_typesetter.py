from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
import pytest

from im2latex.errors import ToolError
from im2latex.rendering import document, tex_format
from im2latex.rendering.tex_log import PageResult
from im2latex.rendering.tex_process import TexLauncher
from im2latex.rendering.typesetter import Typesetter
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
def test_a_formula_in_another_encoding_without_outlines_is_found_at_once() -> None:
    bitmap = r"\def\bitmap{\mbox{\pdfmapline{-cmtt12}\fontencoding{OML}\selectfont"
    template = document.TemplateParams(extra_preamble=rf"{bitmap}\fontencoding{{OT1}}\ttfamily\selectfont x}}}}")
    preamble = tex_format.load(document.preamble(template, document.PageParams()))
    formulas = [r"\bitmap" if number == 20 else f"x_{{{number}}}" for number in range(64)]
    runs = list(Typesetter(template, TexLauncher(preamble, ProcessLimits()), 3).typeset(formulas, MARGIN))
    assert [len(run.results) for run in runs] == [63, 1]
    assert runs[1].results[20].reason == "missing_font"


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
