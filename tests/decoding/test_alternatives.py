import numpy as np
import pytest
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding.alternatives import FormulaEdits, log_probabilities, log_probability
from im2latex.decoding.greedy import greedy
from im2latex.engines.torch_engine import TorchEngine
from tests.inference.test_predictor import fresh

VOCABULARY = Vocabulary([*SPECIALS, "a", "b", "c", r"\,", r"\;"])
A, B, C, THIN, THICK = range(4, 9)


def scores(*best: int) -> NDArray[np.float32]:
    """Log probabilities that prefer one entry at each place, and are equal otherwise."""
    logits = np.zeros((len(best), len(VOCABULARY)), np.float32)
    logits[np.arange(len(best)), best] = 5
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), np.float32)


def test_what_the_model_prefers_comes_first() -> None:
    edits = FormulaEdits(VOCABULARY).best((A, B), scores(A, C, VOCABULARY.eos), 3)
    assert (A, C) in edits[:2]  # substitution
    assert (A, C, B) in edits[:2]  # insertion


def test_an_entry_too_many_is_deleted() -> None:
    assert (A, B) in FormulaEdits(VOCABULARY).best((A, C, B), scores(A, B, VOCABULARY.eos, VOCABULARY.eos), 3)


def test_an_early_end_cuts_the_formula() -> None:
    assert (A,) in FormulaEdits(VOCABULARY).best((A, B, C), scores(A, *[VOCABULARY.eos] * 3), 3)


def test_spaces_are_tried_for_each_other_though_the_model_is_sure() -> None:
    edits = FormulaEdits(VOCABULARY).best((A, THIN, B), scores(A, THIN, B, VOCABULARY.eos), 100)
    assert {(A, THICK, B), (A, B)} <= set(edits)


def test_edits_are_different_and_never_the_formula_itself() -> None:
    edits = FormulaEdits(VOCABULARY).best((A, A, B), scores(A, A, B, VOCABULARY.eos), 1000)
    assert len(set(edits)) == len(edits)
    assert (A, A, B) not in edits
    assert all(entry > 3 for formula in edits for entry in formula)


def test_log_probabilities_equal_those_of_the_search() -> None:
    engine = TorchEngine(fresh().network)
    image = np.random.default_rng(0).integers(0, 256, (1, 40, 120), dtype=np.uint8)
    (found,) = greedy(engine, image, 11)
    other = found.tokens[: len(found.tokens) // 2]
    rows = log_probabilities(engine, engine.encode(image), [found.tokens, other])
    assert [len(row) for row in rows] == [len(found.tokens) + 1, len(other) + 1]
    if found.finished:
        assert log_probability(rows[0], found.tokens) == pytest.approx(found.log_probability, abs=1e-3)
    np.testing.assert_allclose(rows[1], rows[0][: len(other) + 1], atol=1e-4, rtol=1e-4)
