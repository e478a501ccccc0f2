import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from im2latex.inference.confidence import Coefficients
from im2latex.latex.normalizer import Normalizer
from recipes.confidence import MAX_PIECE_TOKENS, fit, sample_formulas

NAMES = ("a", "b")


def test_the_fit_recovers_the_coefficients_of_the_data() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal([1, -5], [2, 0.1], (20_000, 2))
    true = Coefficients(intercept=51, weights={"a": 1.5, "b": 10})
    right = rng.random(len(inputs)) < [true.probability(dict(zip(NAMES, row, strict=True))) for row in inputs]
    found = fit(inputs, right, NAMES)
    expected = [true.probability(dict(zip(NAMES, row, strict=True))) for row in inputs[:200]]
    actual = [found.probability(dict(zip(NAMES, row, strict=True))) for row in inputs[:200]]
    np.testing.assert_allclose(actual, expected, atol=0.06)


def test_a_feature_without_variance_is_no_fault() -> None:
    inputs = np.column_stack([np.ones(100), np.arange(100.0)])
    found = fit(inputs, np.arange(100) > 50, NAMES)
    assert found.probability({"a": 1, "b": 99}) > 0.9 > 0.1 > found.probability({"a": 1, "b": 0})


@pytest.fixture
def formulas(tmp_path: Path) -> Path:
    rows = [rf"f ( x ) = \sum _ {{ i = 1 }} ^ {{ {n} }} x _ i , n \ge {n}" for n in range(50)] + [r"\broken {"]
    path = tmp_path / "formulas.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"formula": row}) + "\n" for row in rows)
    return path


def test_whole_formulas_and_short_pieces_take_turns(formulas: Path) -> None:
    chosen = sample_formulas(formulas, 40, seed=1)
    assert len(chosen) == 40
    assert all(len(piece.split()) <= MAX_PIECE_TOKENS and "=" not in piece.split("_")[0] for piece in chosen[1::2])
    assert all("\\sum" in whole and "=" in whole for whole in chosen[::2])
    assert [Normalizer().normalize(formula) for formula in chosen] == chosen
    assert sample_formulas(formulas, 40, seed=1) == chosen
