"""Strict CDM on boxes placed by hand, and on real formulas whose scripts are moved."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.metrics.cdm import judge_symbols, match
from im2latex.metrics.placement import TOLERANCE_PX, placed_pairs
from im2latex.rendering.glyph_boxes.reader import TexGlyphReader
from im2latex.rendering.glyph_boxes.symbols import GlyphBoxes


def row(labels: str, step: float = 30, top: float = 0) -> GlyphBoxes:
    """One symbol a letter, beside each other; a space moves on."""
    places = [(label, step * place) for place, label in enumerate(labels) if label != " "]
    boxes = np.array([[x, top, x + 16, top + 20] for _, x in places], np.float64).reshape(len(places), 4)
    return GlyphBoxes(tuple(label for label, _ in places), boxes)


def changed(glyphs: GlyphBoxes, symbol: int, edges: tuple[float, float, float, float]) -> GlyphBoxes:
    """The edges of one symbol moved."""
    boxes = glyphs.boxes.copy()
    boxes[symbol] += edges
    return GlyphBoxes(glyphs.labels, boxes)


@pytest.mark.parametrize(
    ("hypothesis", "pairs", "symbols"),
    [
        ("abcdefgh", 8, 16),
        ("abcdefg", 7, 15),
        ("abcxefgh", 7, 16),
        ("abcd  efgh", 7, 16),
        ("abcd x efgh", 7, 17),
        ("ab cdef gh", 6, 16),
        ("a b c d e f g h", 1, 16),
        ("bacdefgh", 6, 16),
        ("wxyz", 0, 12),
    ],
)
def test_parts_that_move_cost_a_pair_each(hypothesis: str, pairs: int, symbols: int) -> None:
    assert match(row("abcdefgh"), row(hypothesis)).cdm_strict == pytest.approx(2 * pairs / symbols)


@pytest.mark.parametrize("edges", [(0, 5, 0, 5), (0, -5, 0, -5), (5, 0, 5, 0), (0, 0, 3, 0), (0, 3, 0, 0)])
def test_a_symbol_of_another_place_or_size_does_not_count(edges: tuple[float, float, float, float]) -> None:
    found = match(row("abcdef"), changed(row("abcdef"), 3, edges))
    assert found.cdm == 1
    assert found.cdm_strict == pytest.approx(5 / 6)


def test_the_whole_may_stand_anywhere_and_within_the_tolerance_nothing_changes() -> None:
    reference = row("abcdef")
    drawn = np.random.default_rng(0)
    for _ in range(50):
        noise = drawn.uniform(-TOLERANCE_PX / 2, TOLERANCE_PX / 2, reference.boxes.shape)
        assert match(reference, GlyphBoxes(reference.labels, reference.boxes + noise)).cdm_strict == 1
    moved = GlyphBoxes(reference.labels, reference.boxes + 40)
    assert match(reference, moved).cdm_strict == 1


def test_the_order_of_typesetting_does_not_matter_to_the_same_image() -> None:
    drawn = random.Random(3)
    reference = row("abacabad")
    for _ in range(20):
        order = drawn.sample(range(8), 8)
        shuffled = GlyphBoxes(tuple(reference.labels[at] for at in order), reference.boxes[order])
        assert match(reference, shuffled).cdm_strict == 1
        assert match(reference, changed(shuffled, order.index(0), (4, 0, 4, 0))).cdm_strict < 1


@given(st.lists(st.tuples(*[st.integers(0, 60)] * 2), min_size=1, max_size=6, unique=True), st.integers(0, 2**31))
def test_one_if_and_only_if_all_agree_by_one_shift(places: list[tuple[int, int]], seed: int) -> None:
    drawn = np.random.default_rng(seed)
    corners = 3.0 * np.array(places)
    boxes = np.hstack([corners, corners + 16])
    moved = boxes + np.tile(drawn.choice([0, 0, 0, 0, 9], (len(boxes), 2)), 2)
    by = (moved - boxes)[:, :2]
    alike = bool((by == by[0]).all())
    assert (placed_pairs(boxes, moved) == len(boxes)) == alike


SCRIPTS: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "superscript for subscript": lambda a, b: (f"{a}^{{{b}}}", f"{a}_{{{b}}}"),
    "script for none": lambda a, b: (f"{a}^{{{b}}}", f"{a}{b}"),
    "script of a script": lambda a, b: (f"{a}^{{{b}_{{{a}}}}}", f"{a}^{{{b}{a}}}"),
    "script of another": lambda a, b: (f"{a}_{{{b}}}{b}", f"{a}{b}_{{{b}}}"),
    "both scripts in one": lambda a, b: (f"{a}_{{{b}}}^{{{a}}}", f"{a}_{{{b}}}{{}}^{{{a}}}"),
    "limits": lambda a, b: (rf"\sum\limits_{{{a}}}{b}", rf"\sum\nolimits_{{{a}}}{b}"),
    "space": lambda a, b: (f"{a}{b}", rf"{a}\,{b}"),
    "style": lambda a, b: (rf"\dfrac{{{a}}}{{{b}}}", rf"\tfrac{{{a}}}{{{b}}}"),
}


@pytest.mark.needs_tex
def test_places_and_sizes_of_scripts_count() -> None:
    drawn = random.Random(7)
    around = ["{}", "x+{}", r"\frac{{{}}}{{z}}", r"\sqrt{{{}}}-1", r"\left({}\right)=y"]
    pairs = []
    for name, make in SCRIPTS.items():
        for frame in around:
            one, other = make(drawn.choice("2abnxk"), drawn.choice("2ijmz"))
            pairs.append((name, frame.format(one), frame.format(other)))
    references, hypotheses = [reference for _, reference, _ in pairs], [hypothesis for *_, hypothesis in pairs]
    for (name, reference, hypothesis), found in zip(
        pairs, judge_symbols(references, hypotheses, TexGlyphReader()), strict=True
    ):
        assert found.cdm_strict < 1, (name, reference, hypothesis)
    assert all(found.cdm_strict == 1 for found in judge_symbols(references, references, TexGlyphReader()))


@pytest.mark.needs_tex
@pytest.mark.parametrize(
    ("reference", "hypothesis", "cdm", "strict"),
    [
        ("2^2", "2_2", 1, 0.5),
        ("x^2", "x2", 1, 0.5),
        ("x^{abc}", "x_{abc}", 1, 0.75),
        (r"\sin x", r"\mathrm{sin}\,x", 1, 1),
        (r"{}_2^3X", r"\prescript{3}{2}{X}", 1, 1),
        (r"a\mspace{1mu}b", "ab", 1, 0.5),
        ("a", "b", 0, 0),
        (r"\nosuchmacro", "x", 0, 0),
    ],
)
def test_formulas(reference: str, hypothesis: str, cdm: float, strict: float) -> None:
    assert judge_symbols([reference], [hypothesis], TexGlyphReader()) == [pytest.approx((cdm, strict))]
