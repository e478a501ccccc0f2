import numpy as np

from im2latex.reporting.difference import Overlay, overlay, token_runs
from tests.metrics.drawings import drawing

BOTH, MISSED, ADDED = int(Overlay.BOTH), int(Overlay.MISSED), int(Overlay.ADDED)
LETTERS = ["###.#.#..#", "#...###.##", "###.#.#..#"]


def test_equal_images_have_no_colour() -> None:
    found = overlay(drawing(*LETTERS), drawing(*LETTERS))
    assert set(np.unique(found)) == {0, BOTH}


def test_a_lost_symbol_colours_only_itself() -> None:
    rest = [row[:3] + row[7:] for row in LETTERS]
    found = overlay(drawing(*LETTERS), drawing(*rest))
    assert (found == MISSED).sum() == sum(row[3:7].count("#") for row in LETTERS)
    assert ADDED not in found
    assert (overlay(drawing(*rest), drawing(*LETTERS)) == ADDED).sum() == (found == MISSED).sum()


def test_a_taller_image_is_moved_onto_the_other() -> None:
    taller = ["..........##", "..........##", *(row + ".." for row in LETTERS)]
    found = overlay(drawing(*LETTERS), drawing(*taller))
    assert (found == ADDED).sum() == 4
    assert MISSED not in found


def test_other_ink_in_the_same_place_shows_both_colours() -> None:
    found = overlay(drawing("##", "#."), drawing("##", ".#"))
    assert {BOTH, MISSED, ADDED} <= set(np.unique(found))


def test_blank_paper_can_be_compared() -> None:
    blank = np.full((3, 4), 255, np.uint8)
    assert not overlay(blank, blank).any()
    assert (overlay(drawing("##"), blank) == MISSED).sum() == 2


def test_token_runs_cut_where_one_side_leaves_the_other() -> None:
    left, right = token_runs("a b c d", "a x c d e")
    assert [(run.text, run.common) for run in left] == [("a", True), ("b", False), ("c d", True)]
    assert [(run.text, run.common) for run in right] == [("a", True), ("x", False), ("c d", True), ("e", False)]


def test_nothing_has_no_runs() -> None:
    assert token_runs("", "") == ([], [])
