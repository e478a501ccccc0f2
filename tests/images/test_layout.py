import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from im2latex.images.layout import analyze_layout
from im2latex.images.preprocess import InputImageSpec, preprocess
from im2latex.types import NO_FORMULA, SEVERAL_FORMULAS, TEXT
from tests.images.typed import typed

EM = 24
SPEC = InputImageSpec(em=EM, height=2000, width=2000)
SENTENCE = "where the values of the function are known"
LINES = (SENTENCE, "at all points of the boundary and the rest", "follows from the theorem of the mean value")
FORMULAS = ("a + b = 2 c", "x - 1 < y", "f (x) = g (x) + h (y)")


def below(images: list[NDArray[np.uint8]], gap: float) -> NDArray[np.uint8]:
    """Images one below the other, with `gap` em of paper between their ink."""
    cropped = []
    for image in images:
        rows, columns = (np.flatnonzero((image < 128).any(axis=axis)) for axis in (1, 0))
        cropped.append(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    width = max(image.shape[1] for image in cropped)
    space = round(gap * EM)
    padded = [np.pad(one, ((0, space), (0, width - one.shape[1])), constant_values=255) for one in cropped]
    return np.pad(np.vstack(padded), 10, constant_values=255)


@pytest.mark.parametrize("formula", [*FORMULAS, "sin x + 1", "x = 1"])
def test_one_formula_has_no_reason(formula: str) -> None:
    assert analyze_layout(typed(formula, EM)).reason is None


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_lines_of_words_are_text(lines: int) -> None:
    assert analyze_layout(below([typed(line, EM) for line in LINES[:lines]], 0.2)).reason == TEXT


@pytest.mark.parametrize("number", [2, 3])
def test_formulas_below_each_other_are_several_with_a_box_each(number: int) -> None:
    image = below([typed(formula, EM) for formula in FORMULAS[:number]], 1.2)
    layout = analyze_layout(image)
    assert layout.reason == SEVERAL_FORMULAS
    assert len(layout.boxes) == number
    for (top, bottom, left, right), formula in zip(layout.boxes, FORMULAS, strict=False):
        alone = below([typed(formula, EM)], 0)[10:-10, 10:-10]
        assert abs(bottom - top - alone.shape[0]) <= 2
        assert abs(right - left - alone.shape[1]) <= 2


def test_lines_of_one_formula_are_not_several() -> None:
    assert analyze_layout(below([typed(formula, EM) for formula in FORMULAS], 0.3)).reason is None


def test_of_text_and_a_formula_the_formula_has_a_box() -> None:
    image = below([typed(SENTENCE, EM), typed(FORMULAS[0], EM)], 1.5)
    layout = analyze_layout(image)
    assert layout.reason == TEXT
    ((top, _, _, _),) = layout.boxes
    assert top >= image.shape[0] / 2


@pytest.mark.parametrize("seed", range(3))
def test_noise_and_soft_shapes_are_no_formula(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 20), dtype=np.uint8)
    assert analyze_layout(np.asarray(Image.fromarray(noise).resize((300, 90)))).reason == NO_FORMULA


def test_a_diagram_in_a_frame_is_no_formula() -> None:
    framed = np.pad(below([typed(formula, EM) for formula in 3 * FORMULAS], 0.3), 3, constant_values=0)
    assert analyze_layout(framed).reason == NO_FORMULA


def test_paper_has_no_reason() -> None:
    assert analyze_layout(np.full((20, 30), 255, np.uint8)).reason is None


@pytest.mark.parametrize("factor", [1, 3])
def test_a_box_of_the_preprocessed_image_becomes_one_of_the_original(factor: int) -> None:
    image = np.pad(typed("a + b = 2 c", EM * factor), ((40, 7), (13, 90)), constant_values=255)
    rows, columns = (np.flatnonzero((image < 128).any(axis=axis)) for axis in (1, 0))
    preprocessed = preprocess(image, SPEC)
    padding = SPEC.padding
    height, width = preprocessed.pixels.shape
    found = preprocessed.to_original((padding, height - padding, padding, width - padding))
    assert np.abs(np.array(found) - (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)).max() <= 2 * factor
