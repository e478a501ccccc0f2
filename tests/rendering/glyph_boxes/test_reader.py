"""Symbols of formulas and their boxes, with the same reasons as rendering; labels and boxes of marks without TeX."""

import numpy as np
import pytest

from im2latex.rendering.document import TemplateParams
from im2latex.rendering.glyph_boxes.dvi import CharacterBox, ExtensibleRecipe, FontMetrics, Mark
from im2latex.rendering.glyph_boxes.reader import GlyphResult, TexGlyphReader, glyph_boxes
from im2latex.rendering.renderer import RenderParams, TexRenderer

READER = TexGlyphReader()


def read(formula: str) -> GlyphResult:
    (setting,) = READER.read([formula])
    return setting


def labels(formula: str) -> tuple[str, ...]:
    glyphs = read(formula).glyphs
    assert glyphs is not None, formula
    return glyphs.labels


@pytest.mark.needs_tex
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


@pytest.mark.needs_tex
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


@pytest.mark.needs_tex
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


@pytest.mark.needs_tex
def test_verdicts_are_those_of_the_renderer_whatever_the_neighbours() -> None:
    formulas = ["x", *FAILING, "y"]
    settings = READER.read(formulas)
    assert [setting.reason for setting in settings] == [None, *FAILING.values(), None]
    drawn = TexRenderer(RenderParams(rasterizer="pdfium")).render(formulas)
    assert [one.reason for one in drawn] == [setting.reason for setting in settings]
    assert settings[-1].glyphs is not None
    assert settings[-1].glyphs.labels == labels("y")


PX = 65536 * 72.27 / 200
EXTENSION = FontMetrics(
    {code: CharacterBox(1, 1, 1) for code in range(70)},
    smallest={16: 0, 18: 0, 32: 0, 48: 0},
    recipes={
        48: ExtensibleRecipe(48, 0, 64, 66),
        49: ExtensibleRecipe(49, 0, 65, 67),
        12: ExtensibleRecipe(0, 0, 0, 12),
        52: ExtensibleRecipe(0, 0, 52, 54),
    },
)
FONTS = {
    "cmex10": EXTENSION,
    "cmr12": FontMetrics({}),
    "cmr8": FontMetrics({}),
    "cmbx12": FontMetrics({}),
    "ptmr7t": FontMetrics({}),
}


def mark(
    font: str, code: int, x: float = 0, y: float = 0, width: float = 8, height: float = 10, depth: float = 0
) -> Mark:
    return Mark(font, code, *(round(value * PX) for value in (x, y, width, height, depth)))


def page_labels(*marks: Mark) -> tuple[str, ...]:
    return glyph_boxes(marks, FONTS.__getitem__).labels


def test_boxes_are_pixels_from_their_common_corner() -> None:
    found = glyph_boxes(
        [mark("cmr12", 97, x=100, y=50, depth=2), mark("", 0, x=104, y=60, width=30, height=1)], FONTS.__getitem__
    )
    assert found.boxes == pytest.approx(np.array([[0, 0, 8, 12], [4, 19, 34, 20]]), abs=0.01)
    assert found.labels == ("cmr/97", "bar")


def test_sizes_are_one_symbol_and_faces_are_not() -> None:
    assert page_labels(mark("cmr12", 120), mark("cmr8", 120), mark("cmbx12", 120), mark("ptmr7t", 120)) == (
        "cmr/120",
        "cmr/120",
        "cmbx/120",
        "ptmr7t/120",
    )


def test_rules_are_bars_or_lines() -> None:
    assert page_labels(mark("", 0, width=30, height=1), mark("", 0, width=1, height=30)) == ("bar", "line")


def test_a_delimiter_is_one_symbol_in_all_its_sizes() -> None:
    sizes = [mark("cmr12", 40), mark("cmex10", 0), mark("cmex10", 18), mark("cmex10", 32)]
    assert page_labels(*sizes) == ("cmex/0",) * 4


def stack(*codes: int, x: float = 0, gap: float = 0) -> list[Mark]:
    return [mark("cmex10", code, x=x, y=place * (20 + gap), height=0, depth=20) for place, code in enumerate(codes)]


@pytest.mark.parametrize(
    ("codes", "label"),
    [
        ((48, 64), "cmex/0"),
        ((48, 66, 66, 64), "cmex/0"),
        ((49, 67, 65), "cmex/49"),
        ((12, 12), "cmex/12"),
        ((54, 52), "cmex/52"),
    ],
)
def test_pieces_of_a_delimiter_are_one_symbol(codes: tuple[int, ...], label: str) -> None:
    found = glyph_boxes(stack(*codes), FONTS.__getitem__)
    assert found.labels == (label,)
    assert found.boxes[0] == pytest.approx([0, 0, 8, 20 * len(codes)], abs=0.01)


def test_pieces_apart_or_beside_are_several() -> None:
    assert len(page_labels(*stack(48, 64, gap=1))) == 2
    assert len(page_labels(stack(48)[0], mark("cmex10", 64, x=9, y=20, height=0, depth=20))) == 2
    assert len(page_labels(*stack(48, 65))) == 2, "of two delimiters"


def test_nothing_is_no_symbol() -> None:
    found = glyph_boxes([], FONTS.__getitem__)
    assert (found.labels, found.boxes.shape) == ((), (0, 4))
