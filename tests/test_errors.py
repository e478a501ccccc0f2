"""Errors carry facts and say them in one sentence."""

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
    assert str(error) == sentence


def test_wrong_usage_exits_2_and_failed_work_1() -> None:
    assert [kind.exit_code for kind in (UsageError, ParamsError)] == [2, 2]
    assert {kind.exit_code for kind in (Im2LatexError, InputError, ToolError, ArtifactError, LatexError)} == {1}
