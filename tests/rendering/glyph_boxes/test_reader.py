"""Formulas are set by TeX and told by their symbols, in the same sandbox and with the same verdicts as images."""

import pytest

from im2latex.rendering.document import TemplateParams
from im2latex.rendering.glyph_boxes.reader import GlyphResult, TexGlyphReader
from im2latex.rendering.renderer import RenderParams, TexRenderer

pytestmark = pytest.mark.needs_tex

READER = TexGlyphReader()


def read(formula: str) -> GlyphResult:
    (setting,) = READER.read([formula])
    return setting


def labels(formula: str) -> tuple[str, ...]:
    glyphs = read(formula).glyphs
    assert glyphs is not None, formula
    return glyphs.labels


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"x ^ { 2 }", ("cmmi/120", "cmr/50")),
        (r"\frac { a } { b }", ("cmmi/97", "bar", "cmmi/98")),
        (r"\sqrt { x }", ("cmex/112", "bar", "cmmi/120")),
        (
            r"\left ( \begin{matrix} a \\ b \\ c \end{matrix} \right )",
            ("cmex/0", "cmmi/97", "cmmi/98", "cmmi/99", "cmex/1"),
        ),
        (r"\big ( ( \Bigg (", ("cmex/0",) * 3),
        (r"\left\lfloor \rule{0pt}{3cm} \right.", ("cmex/4",)),
        (r"\hat { a } \widehat { a b c }", ("cmex/98", "cmmi/97", "cmex/98", "cmmi/97", "cmmi/98", "cmmi/99")),
    ],
)
def test_symbols_of_formulas(formula: str, expected: tuple[str, ...]) -> None:
    assert sorted(labels(formula)) == sorted(expected)


@pytest.mark.parametrize(
    "coloured",
    [r"{\color{red} x} y", r"\textcolor{blue}{x} y", r"\textcolor[rgb]{1,0,0}{x} y", r"\mathcolor{green}{x} y"],
)
def test_colours_change_nothing(coloured: str) -> None:
    plain, shown = read("x y").glyphs, read(coloured).glyphs
    assert plain is not None
    assert shown is not None
    assert plain.labels == shown.labels
    assert (plain.boxes == shown.boxes).all()


def test_scaled_and_turned_boxes_are_set() -> None:
    template = TemplateParams(packages=("amsmath", "graphicx"))
    settings = TexGlyphReader(RenderParams(template=template)).read(
        [r"\scalebox{2}{$x$}", r"\reflectbox{a}", r"\rotatebox{9}{b}"]
    )
    assert [one.glyphs and one.glyphs.labels for one in settings] == [("cmmi/120",), ("cmr/97",), ("cmr/98",)]


FAILING = {
    "": "empty",
    r"\ ": "blank",
    r"\nosuchmacro": "not_allowed",
    r"\input{secret}": "not_allowed",
    r"{ x": "unbalanced",
    r"x ^ 2 ^ 3": "double_script",
    r"\hspace{90cm} x": "too_wide",
}


def test_verdicts_are_those_of_the_renderer_whatever_the_neighbours() -> None:
    formulas = ["x", *FAILING, "y"]
    settings = READER.read(formulas)
    assert [setting.reason for setting in settings] == [None, *FAILING.values(), None]
    drawn = TexRenderer(RenderParams(rasterizer="pdfium")).render(formulas)
    assert [one.reason for one in drawn] == [setting.reason for setting in settings]
    assert settings[-1].glyphs is not None
    assert settings[-1].glyphs.labels == labels("y")
