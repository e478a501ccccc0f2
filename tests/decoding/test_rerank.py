import numpy as np
import pytest

from im2latex.decoding.rerank import RenderMatch, RenderReranker, best_match
from im2latex.images.arrays import ImageParams, Pixels, pad, to_dataset_image
from im2latex.rendering.renderer import RENDER_BATCH_SIZE, TexRenderer
from tests.metrics.drawings import DrawnRenderer

IMAGE = ImageParams(downsample=2, padding_px=8)
random = np.random.default_rng(2)


def drawn(width: int) -> Pixels:
    pixels = np.where(random.random((20, width)) < 0.5, 0, 255).astype(np.uint8)
    pixels[[0, -1]], pixels[:, [0, -1]] = 0, 0
    return pixels


TRUE = drawn(40)
NEAR = TRUE.copy()
NEAR[4:12, 10:12] = 255 - NEAR[4:12, 10:12]
IMAGES: dict[str, Pixels | str] = {
    "true": TRUE,
    "also": TRUE.copy(),
    "near": NEAR,
    "far": drawn(70),
    "bad": "undefined_macro",
}


def asked(*hypotheses: str) -> list[RenderMatch]:
    reranker = RenderReranker(DrawnRenderer(IMAGES), IMAGE)
    return reranker.compare([to_dataset_image(TRUE, IMAGE)], [hypotheses])[0]


def test_the_image_that_was_read_is_recognized() -> None:
    true, near, far, bad = asked("true", "near", "far", "bad")
    assert true == RenderMatch(True, 0)
    assert not near.same
    assert not far.same
    assert near.column_edits is not None
    assert far.column_edits is not None
    assert 0 < near.column_edits < far.column_edits
    assert bad == RenderMatch(False, None)


def test_margins_play_no_part() -> None:
    reranker = RenderReranker(DrawnRenderer(IMAGES), IMAGE)
    image = pad(to_dataset_image(TRUE, IMAGE), 7)
    assert reranker.compare([image], [["true"]]) == [[RenderMatch(True, 0)]]


@pytest.mark.parametrize(
    ("hypotheses", "chosen"),
    [
        (["far", "near", "true", "also"], 2),
        (["also", "true"], 0),
        (["bad", "far", "near"], 2),
        (["bad", "far"], 1),
        (["bad", "missing"], 0),
    ],
)
def test_the_likest_is_chosen_and_the_first_of_equals(hypotheses: list[str], chosen: int) -> None:
    IMAGES.setdefault("missing", "undefined_macro")
    assert best_match(asked(*hypotheses)) == chosen


def test_equal_ink_is_not_yet_the_same_image() -> None:
    """Column edits look at ink and paper only; of two without edits the one with the same greys is right."""
    assert best_match([RenderMatch(False, 0), RenderMatch(True, 0)]) == 1


def test_each_distinct_hypothesis_is_drawn_once() -> None:
    formulas = [str(number) for number in range(RENDER_BATCH_SIZE + 1)]
    renderer = DrawnRenderer(dict.fromkeys(formulas, TRUE))
    RenderReranker(renderer, IMAGE).compare([TRUE] * 2, [[*formulas, "0"], formulas[:3]])
    assert renderer.asked == formulas


@pytest.mark.needs_tex
def test_images_that_differ_by_a_digit_do_not_match() -> None:
    renderer = TexRenderer()
    formula, other = r"\frac { 1 } { x ^ { 2 } }", r"\frac { 1 } { x ^ { 3 } }"
    pixels = renderer.render([formula])[0].pixels
    assert pixels is not None
    image = to_dataset_image(pixels, IMAGE)
    found = RenderReranker(renderer, IMAGE).compare([image], [[other, r"\frac 1 { x ^ 2 }", r"\frac {"]])[0]
    assert [one.same for one in found] == [False, True, False]
    assert found[2].column_edits is None
