"""CDM and strict CDM on symbols placed by hand, on real formulas, and on formulas whose scripts are moved."""

import gzip
import json
import random
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.metrics.cdm import MOST_SYMBOLS, TOLERANCE_PX, compare_glyphs, match, placed_pairs
from im2latex.rendering.glyph_boxes.reader import GlyphBoxes, TexGlyphReader
from tests.fakes import FakeGlyphs


def row(labels: str, step: float = 30, top: float = 0) -> GlyphBoxes:
    """One symbol a letter, beside each other; a space moves on."""
    places = [(label, step * place) for place, label in enumerate(labels) if label != " "]
    boxes = np.array([[x, top, x + 16, top + 20] for _, x in places], np.float64).reshape(len(places), 4)
    return GlyphBoxes(tuple(label for label, _ in places), boxes)


def f1(reference: GlyphBoxes, hypothesis: GlyphBoxes) -> float:
    return match(reference, hypothesis).cdm


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("abcd", "abcd", 1),
        ("abcd", "abxd", 6 / 8),
        ("abcd", "abd", 6 / 7),
        ("abc", "abcd", 6 / 7),
        ("abcd", "wxyz", 0),
        ("a", "", 0),
        ("", "", 0),
        ("a", "b", 0),
    ],
)
def test_scores_by_hand(reference: str, hypothesis: str, expected: float) -> None:
    assert f1(row(reference), row(hypothesis)) == (1.0 if reference == hypothesis == "" else pytest.approx(expected))


def test_a_part_that_moves_together_is_forgiven() -> None:
    assert f1(row("abcdefgh"), row("abcd     efgh")) == 1


def test_symbols_far_from_their_places_are_not() -> None:
    assert f1(row("abcdefghij"), row("jbcdefghia")) < 0.9


def test_narrow_neighbours_that_change_places_are_forgiven_as_published() -> None:
    assert f1(row("abcdef", step=16), row("abdcef", step=16)) == 1


def placed(**lefts: float) -> GlyphBoxes:
    """Symbols at these places, in this order; the first letter of a name is the label."""
    boxes = np.array([[x, 0, x + 16, 20] for x in lefts.values()], np.float64)
    return GlyphBoxes(tuple(name[0] for name in lefts), boxes)


def test_the_order_of_typesetting_decides_where_places_mislead() -> None:
    reference = placed(a=0, p=30, q=60, x=940, y=970, a_last=1000)
    hypothesis = placed(p=30, q=60, w=1000, x=340, y=370, a=400)
    assert f1(reference, hypothesis) == pytest.approx(2 * 5 / 12), "the end moved as a whole, with its own a"


def test_identity_weighs_more_than_position() -> None:
    reference = placed(p=0, q=30, r=60, x=900, y=930, z=960)
    assert f1(reference, placed(x=0, y=30, z=60, p=900, q=930, r=960)) == 1


def test_too_many_symbols_are_not_matched_but_may_be_equal() -> None:
    large = row("ab" * (MOST_SYMBOLS // 2 + 1))
    assert f1(large, large) == 1
    assert f1(large, row("ab")) == 0


LETTERS = st.text("abc", min_size=1, max_size=4)


@given(LETTERS, LETTERS)
@settings(max_examples=60)
def test_the_pairs_are_the_cheapest_of_all(reference: str, hypothesis: str) -> None:
    """Against every way to pair, on images so small that all positions fit one movement."""
    few, many = sorted([reference, hypothesis], key=len)

    def cost(mine: int, other: int) -> float:
        edges = 0.0
        for offset in (8, 24):  # left and right; top and bottom are the same for all
            edges += abs((mine + offset) / (len(few) + 31) - (other + offset) / (len(many) + 31))
        order = abs(mine / len(few) - other / len(many))
        return (few[mine] != many[other]) + 0.05 * edges / 4 + 0.15 * order

    ways: dict[float, set[int]] = {}
    for chosen in permutations(range(len(many)), len(few)):
        total = round(sum(cost(*pair) for pair in enumerate(chosen)), 9)
        ways.setdefault(total, set()).add(sum(few[mine] == many[other] for mine, other in enumerate(chosen)))
    expected = {2 * right / (len(few) + len(many)) for right in ways[min(ways)]}
    assert f1(row(reference, step=1), row(hypothesis, step=1)) in expected


def test_every_sample_counts_and_every_pair_is_compared_once() -> None:
    references = ["a b", r"\broken", "a b", "", "a b"]
    hypotheses = ["a b", "x", r"\broken", "", "  "]
    found = compare_glyphs(references, hypotheses, FakeGlyphs())
    assert [(one["cdm"], one["cdm_exact"], one["cdm_strict"]) for one in found] == [(1, True, 1), *[(0, False, 0)] * 4]


@pytest.mark.needs_tex
@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("x + y", "x + y", 1),
        ("x + y", "x - y", 2 / 3),
        (r"\left ( \frac a b \right )", r"( \frac { a } { b } )", 1),
        (r"\sin x", r"\mathrm { s i n } \, x", 1),
        (r"\mathbf { x }", "x", 0),
        (r"a \leq b", r"a \le b", 1),
        ("x", "x + y + z", 2 / 6),
        ("x", r"\frac { x", 0),
        ("x", r"\input { x }", 0),
        (r"\nosuchmacro", "x", 0),
        ("x", "", 0),
    ],
)
def test_formulas(reference: str, hypothesis: str, expected: float) -> None:
    (found,) = compare_glyphs([reference], [hypothesis], TexGlyphReader())
    assert found["cdm"] == pytest.approx(expected)
    assert found["cdm_strict"] <= found["cdm"]


ARXIV = Path(__file__).parents[3] / "shared/data/arxiv_formulas_val.jsonl.gz"


@pytest.mark.needs_tex
@pytest.mark.skipif(not ARXIV.is_file(), reason="real formulas are not here")
def test_real_formulas_are_their_own_best_reading() -> None:
    with gzip.open(ARXIV, "rt", encoding="utf-8") as file:
        formulas = [json.loads(line)["formula"] for line, _ in zip(file, range(150), strict=False)]
    reader = TexGlyphReader()
    found = [one.glyphs for one in reader.read(formulas)]
    shown = [glyphs for glyphs in found if glyphs is not None]
    assert len(shown) > 100
    assert all(f1(glyphs, glyphs) == 1 for glyphs in shown)
    drawn = random.Random(1)
    for glyphs in shown:
        if len(glyphs.labels) < 3:
            continue
        lost = drawn.randrange(len(glyphs.labels))
        rest = GlyphBoxes(glyphs.labels[:lost] + glyphs.labels[lost + 1 :], np.delete(glyphs.boxes, lost, axis=0))
        assert 0 < f1(glyphs, rest) < 1
        assert f1(glyphs, rest) <= (2 * len(rest.labels)) / (2 * len(rest.labels) + 1)


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


def test_a_shift_of_the_whole_within_the_tolerance_changes_nothing() -> None:
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
        pairs, compare_glyphs(references, hypotheses, TexGlyphReader()), strict=True
    ):
        assert found["cdm_strict"] < 1, (name, reference, hypothesis)
    assert all(found["cdm_strict"] == 1 for found in compare_glyphs(references, references, TexGlyphReader()))


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
def test_strict_formulas(reference: str, hypothesis: str, cdm: float, strict: float) -> None:
    (found,) = compare_glyphs([reference], [hypothesis], TexGlyphReader())
    assert (found["cdm"], found["cdm_strict"]) == pytest.approx((cdm, strict))
