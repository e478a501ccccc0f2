import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.decoding.repetition import MAX_PERIOD, MAX_REPEATS, RepetitionConstraint, has_stopped_loop

VOCABULARY = Vocabulary([*SPECIALS, "{", "}", "a", "b", "c"])
LETTERS = [VOCABULARY.tokens.index(letter) for letter in "abc"]


def excluded(constraint: RepetitionConstraint, tokens: list[int]) -> set[int]:
    """The letters that may not follow the tokens."""
    state = constraint.initial_state(1)
    for token in tokens:
        state = constraint.advance(state, np.array([token]))
    allowed = constraint.allowed_tokens(state, 100)[0]
    return {letter for letter in LETTERS if not allowed[letter]}


def completes_loop(tokens: list[int]) -> bool:
    return any(tokens[-period * MAX_REPEATS :] == tokens[-period:] * MAX_REPEATS for period in range(1, MAX_PERIOD + 1))


@pytest.mark.parametrize("seed", range(60))
def test_exactly_the_tokens_that_complete_a_loop_are_excluded(seed: int) -> None:
    rng = random.Random(seed)
    block = [rng.choice(LETTERS) for _ in range(rng.randint(1, MAX_PERIOD))]
    tokens = [rng.choice(LETTERS) for _ in range(rng.randint(0, 6))]
    tokens += block * (MAX_REPEATS - 1) + block[: rng.randint(0, len(block) - 1)]
    expected = {letter for letter in LETTERS if completes_loop([*tokens, letter])}
    assert excluded(RepetitionConstraint(VOCABULARY), tokens) == expected


def test_closing_braces_may_repeat() -> None:
    close = VOCABULARY.tokens.index("}")
    constraint = RepetitionConstraint(VOCABULARY)
    state = constraint.initial_state(1)
    for _ in range(3 * MAX_REPEATS):
        state = constraint.advance(state, np.array([close]))
    assert constraint.allowed_tokens(state, 100)[0, close]


def test_the_inner_constraint_holds_too() -> None:
    constraint = RepetitionConstraint(VOCABULARY, GrammarConstraint(VOCABULARY))
    state = constraint.initial_state(2)
    allowed = constraint.allowed_tokens(state, 100)
    assert not allowed[:, VOCABULARY.tokens.index("}")].any()
    state = constraint.advance(state, np.array([LETTERS[0], VOCABULARY.tokens.index("{")]))
    ends = constraint.allowed_tokens(state, 100)[:, VOCABULARY.eos]
    assert ends.tolist() == [True, False]


def test_a_row_without_another_choice_keeps_its_last_one() -> None:
    class OnlyA:
        def initial_state(self, batch_size: int) -> list[NDArray[Any]]:
            return []

        def allowed_tokens(self, state: list[NDArray[Any]], remaining: int) -> NDArray[np.bool_]:
            mask = np.zeros((1, len(VOCABULARY)), np.bool_)
            mask[0, LETTERS[0]] = True
            return mask

        def advance(self, state: list[NDArray[Any]], tokens: NDArray[np.int64]) -> list[NDArray[Any]]:
            return []

    constraint = RepetitionConstraint(VOCABULARY, OnlyA())
    assert LETTERS[0] not in excluded(constraint, [LETTERS[0]] * 20)


def test_a_stopped_loop_is_recognized() -> None:
    assert has_stopped_loop(" ".join(["x", *["a", "b"] * (MAX_REPEATS - 1), "c"]))
    assert not has_stopped_loop(" ".join(["a", "b"] * (MAX_REPEATS - 2)))
