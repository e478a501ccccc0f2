"""CDM on symbols placed by hand, and on real ones."""

import gzip
import json
import random
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.metrics.cdm import MOST_SYMBOLS, judge_symbols, match
from im2latex.rendering.glyph_boxes.reader import TexGlyphReader
from im2latex.rendering.glyph_boxes.symbols import GlyphBoxes
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


def test_what_a_symbol_is_weighs_more_than_where_it_stands() -> None:
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


def test_every_sample_counts_and_every_pair_is_judged_once() -> None:
    references = ["a b", r"\broken", "a b", "", "a b"]
    hypotheses = ["a b", "x", r"\broken", "", "  "]
    assert judge_symbols(references, hypotheses, FakeGlyphs()) == [(1.0, 1.0), *[(0.0, 0.0)] * 4]


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
    (found,) = judge_symbols([reference], [hypothesis], TexGlyphReader())
    assert found.cdm == pytest.approx(expected)
    assert found.cdm_strict <= found.cdm


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
