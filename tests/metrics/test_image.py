import numpy as np
import pytest

from im2latex.images.arrays import Pixels
from im2latex.metrics.bootstrap import sum_columns
from im2latex.metrics.image import CHUNK_SIZES, ImageComparison, compare_renderings, image_edit_similarity
from im2latex.rendering.renderer import ParallelRenderer, TexRenderer
from tests.fakes import FakeRenderer
from tests.metrics.drawings import DrawnRenderer, drawing

random = np.random.default_rng(5)
GOLD: Pixels = np.where(random.random((20, 40)) < 0.5, 0, 255).astype(np.uint8)
GOLD[0], GOLD[-1], GOLD[:, 0], GOLD[:, -1] = 0, 0, 0, 0
MORE: Pixels = np.hstack([GOLD, np.where(random.random((20, 60)) < 0.5, 0, 255).astype(np.uint8)])
MORE[:, -1] = 0
IMAGES: dict[str, Pixels | str] = {
    "gold": GOLD,
    "same": GOLD.copy(),
    "more": MORE,
    "bad": "undefined_macro",
    "L": drawing("#.", "##"),
}


def matches(result: ImageComparison) -> list[bool]:
    return [bool(result.counts[name]) for name in ("image_exact", "image_match", "image_match_nospace")]


def compared(reference: str, hypothesis: str) -> ImageComparison:
    return compare_renderings([reference], [hypothesis], DrawnRenderer(IMAGES))[0]


def test_other_text_with_the_same_image_is_exact() -> None:
    assert compared("gold", "same") == ImageComparison(
        {
            "compiles": True,
            "reference_renders": True,
            "image_exact": True,
            "image_match": True,
            "image_match_nospace": True,
            "image_edits": 0,
            "image_columns": 40,
        },
        failure=None,
        reference_failure=None,
    )


def test_faint_pixels_are_not_ink() -> None:
    faint = np.pad(GOLD, ((2, 0), (0, 3)), constant_values=200)
    result = compare_renderings(["gold"], ["faint"], DrawnRenderer({"gold": GOLD, "faint": faint}))[0]
    assert result.counts["image_exact"]


def test_sixty_more_columns_pass_the_published_match_and_no_strict_one() -> None:
    result = compared("gold", "more")
    assert matches(result) == [False, True, True]
    assert (result.counts["image_edits"], result.counts["image_columns"]) == (60, 100)


def test_sixty_columns_less_match_by_no_rule() -> None:
    result = compared("more", "gold")
    assert matches(result) == [False, False, False]


@pytest.mark.parametrize(("hypothesis", "reason"), [("", "missing"), ("  ", "missing"), ("bad", "undefined_macro")])
def test_no_image_of_the_prediction_is_all_wrong(hypothesis: str, reason: str) -> None:
    result = compared("gold", hypothesis)
    assert matches(result) == [False, False, False]
    assert not result.counts["compiles"]
    assert (result.counts["image_edits"], result.counts["image_columns"]) == (40, 40)
    assert (result.failure, result.reference_failure) == (reason, None)


@pytest.mark.parametrize(("hypothesis", "columns"), [("gold", 40), ("bad", 1), ("", 1)])
def test_a_reference_without_image_is_named_and_counts_as_wrong(hypothesis: str, columns: int) -> None:
    result = compared("bad", hypothesis)
    assert matches(result) == [False, False, False]
    assert not result.counts["reference_renders"]
    assert (result.counts["image_edits"], result.counts["image_columns"]) == (columns, columns)
    assert result.reference_failure == "undefined_macro"
    assert result.counts["compiles"] is (hypothesis == "gold")


def test_each_distinct_string_is_typeset_once_whichever_pairs_need_it() -> None:
    formulas = [str(number) for number in range(2 * CHUNK_SIZES[1] + 1)]
    images: dict[str, Pixels | str] = dict.fromkeys(formulas, GOLD)
    renderer = DrawnRenderer(images | {"more": MORE, "bad": "undefined_macro"})
    pairs = [(formula, hypothesis) for hypothesis in ("more", "0", "bad", "") for formula in formulas]
    results = compare_renderings([reference for reference, _ in pairs], [other for _, other in pairs], renderer)
    assert sorted(renderer.asked) == sorted([*formulas, "more", "bad"])
    assert results == [compared("gold", "gold" if hypothesis == "0" else hypothesis) for _, hypothesis in pairs]


def test_on_all_cores_or_not_the_same_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", "2")
    references = ["x" * (number % 40) + r"\broken" * (number % 7 == 0) for number in range(CHUNK_SIZES[0] + 50)]
    hypotheses = [text[number % 3 :] for number, text in enumerate(references)]
    parallel = compare_renderings(references, hypotheses, ParallelRenderer(FakeRenderer()))
    assert parallel == compare_renderings(references, hypotheses, FakeRenderer())


def test_image_edit_is_a_sum_over_a_sum() -> None:
    sums = sum_columns({"image_edits": np.array([2.0, 30]), "image_columns": np.array([10.0, 30])})
    assert image_edit_similarity(sums)[0] == pytest.approx(1 - 32 / 40)


@pytest.mark.needs_tex
def test_typeset_formulas_are_compared_by_their_ink() -> None:
    pairs = {
        "x ^ 2": ("x ^ { 2 }", True, True),
        r"\frac { a } { b }": (r"\frac a b", True, True),
        "y + z": ("y - z", True, False),
        "w": (r"\frac { w", False, False),
    }
    results = compare_renderings(list(pairs), [pair[0] for pair in pairs.values()], TexRenderer())
    assert [(result.counts["compiles"], result.counts["image_exact"]) for result in results] == [
        pair[1:] for pair in pairs.values()
    ]
