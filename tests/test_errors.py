"""Errors carry facts and say them in one sentence."""

import pickle

import pytest

from im2latex.errors import ArtifactError, Im2LatexError, InputError, LatexError, ParamsError, ToolError, UsageError


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (LatexError("empty"), "empty"),
        (LatexError("unbalanced_group", "no { for this }", 3), "unbalanced_group at character 3: no { for this }"),
        (LatexError("too_long", position=0), "too_long at character 0"),
    ],
)
def test_a_refused_formula(error: LatexError, sentence: str) -> None:
    assert error.sentence == sentence


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LatexError("empty"), "the formula is empty"),
        (LatexError("unbalanced_group", "no { for this }", 3), "no { for this } at character 3"),
        (LatexError("not_allowed", r"\foo", 0), r"\foo is not allowed at character 0"),
        (LatexError("too_long", position=0), "too long at character 0"),
    ],
)
def test_a_refused_formula_in_words(error: LatexError, words: str) -> None:
    assert str(error) == words
    assert str(pickle.loads(pickle.dumps(error))) == words


def test_wrong_usage_exits_2_and_failed_work_1() -> None:
    assert [kind.exit_code for kind in (UsageError, ParamsError)] == [2, 2]
    assert {kind.exit_code for kind in (Im2LatexError, InputError, ToolError, ArtifactError, LatexError)} == {1}
