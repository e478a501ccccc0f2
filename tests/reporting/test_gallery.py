from typing import Any

from im2latex.reporting.gallery import GalleryParams, choose_examples, draw_examples, formula_ids, token_spans
from tests.metrics.drawings import DrawnRenderer, drawing

PARAMS = GalleryParams(examples=2)


def row(name: int, edits: int, length: int = 10, **changes: Any) -> dict[str, Any]:
    tokens = " ".join(["x"] * length)
    right = edits == 0
    base = {"formula_id": f"{name:02}", "reference": tokens, "hypothesis": tokens, "edits": edits, "exact": right}
    return base | {"image_exact": right, "failure": None, "reference_failure": None} | changes


ROWS = [row(number, edits=number % 9, length=10 + number) for number in range(30)]


def test_no_sample_is_in_two_groups_and_each_group_keeps_its_rule() -> None:
    groups = choose_examples(ROWS, PARAMS)
    assert list(groups) == ["Random", "Typical", "Correct", "Most errors"]
    assert len(formula_ids(groups)) == 8
    best, worst = (groups[title][1] for title in ("Correct", "Most errors"))
    assert all(one["edits"] == 0 for one in best)
    assert min(one["edits"] for one in worst) >= 7
    lengths = [len(one["reference"].split()) for one in best]
    assert lengths == sorted(lengths, reverse=True)


def test_titles_are_true_of_a_weak_and_of_a_perfect_model() -> None:
    weak = choose_examples([row(number, edits=number + 1) for number in range(20)], PARAMS)
    assert list(weak)[2:] == ["Fewest errors", "Most errors"]
    assert weak["Fewest errors"][0].endswith("none of these are correct.")
    perfect = choose_examples([row(number, edits=0) for number in range(20)], PARAMS)
    assert list(perfect)[2:] == ["Correct", "Also correct"]


def test_the_choice_depends_on_rows_and_seed_only() -> None:
    assert choose_examples(ROWS, PARAMS) == choose_examples(ROWS[::-1], PARAMS)
    assert choose_examples(ROWS, PARAMS) != choose_examples(ROWS, GalleryParams(examples=2, seed=1))


def test_few_samples_fill_few_places() -> None:
    assert sum(len(rows) for _, rows in choose_examples(ROWS[:3], PARAMS).values()) == 3
    assert all(not rows for _, rows in choose_examples([], PARAMS).values())


def test_a_chosen_row_is_drawn_with_its_difference() -> None:
    shown = row(1, edits=1, reference="a", hypothesis="b")
    missing = row(2, edits=1, reference="a", hypothesis="", failure="missing")
    renderer = DrawnRenderer({"a": drawing("##"), "b": drawing("#.", "##")})
    drawn = draw_examples({"Some": ("Because.", [shown, missing])}, {"01": b"no image"}, renderer, PARAMS)
    first, second = drawn[0].examples
    assert first.prediction
    assert first.difference
    assert first.input is None
    assert (second.prediction, second.difference, second.failure) == (None, None, "missing")
    assert renderer.asked == ["a", "b"]


def test_token_runs_cut_where_one_side_leaves_the_other() -> None:
    left, right = token_spans("a b c d", "a x c d e")
    assert [(run.text, run.common) for run in left] == [("a", True), ("b", False), ("c d", True)]
    assert [(run.text, run.common) for run in right] == [("a", True), ("x", False), ("c d", True), ("e", False)]


def test_nothing_has_no_runs() -> None:
    assert token_spans("", "") == ([], [])
