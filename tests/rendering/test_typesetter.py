import pypdfium2
import pytest

from im2latex.rendering import document, texformat
from im2latex.rendering.process import LimitParams
from im2latex.rendering.texrun import Fresh
from im2latex.rendering.transcript import Verdict
from im2latex.rendering.typesetter import Typesetter

MARGIN = 24


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    template = document.TemplateParams()
    preamble = texformat.load(document.preamble(template, document.PageParams()))
    return Typesetter(template, Fresh(preamble, LimitParams()), 3)


@pytest.mark.needs_tex
def test_every_formula_has_exactly_one_verdict_and_its_page(typesetter: Typesetter) -> None:
    formulas = ["x", r"\bgroup y", r"\frac{a}{b}", r"\nosuchmacro", r"\begingroup", "z"]
    verdicts: dict[int, Verdict] = {}
    for printed in typesetter.typeset(formulas, MARGIN):
        assert not verdicts.keys() & printed.verdicts.keys()
        verdicts |= printed.verdicts
        for verdict in printed.verdicts.values():
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


@pytest.mark.needs_tex
def test_a_run_that_fails_after_its_last_formula_is_halved() -> None:
    # A font file is missing, which pdfTeX finds only when it closes the PDF.
    template = document.TemplateParams(
        extra_preamble=r"\def\broken{\pdfmapline{=cmtt12 CMTT12 <nosuchfont.pfb}\mathtt{x}}"
    )
    preamble = texformat.load(document.preamble(template, document.PageParams()))
    verdicts: dict[int, Verdict] = {}
    for printed in Typesetter(template, Fresh(preamble, LimitParams()), 3).typeset(
        ["x", r"\broken", r"\mathtt{y}"], MARGIN
    ):
        verdicts |= printed.verdicts
    assert {number: verdict.reason for number, verdict in sorted(verdicts.items())} == {
        0: None,
        1: "tex_error",
        2: None,
    }
