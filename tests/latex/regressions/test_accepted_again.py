"""Accepted formulas are accepted again after normalization and do not change."""

import pytest

from im2latex.errors import LatexError
from im2latex.latex.normalizer import Normalizer, NormalizerParams

SPACES = ["", " ", "~", r"\ ", " ~", r"~\ ", r" \ \ "]
NORMALIZER = Normalizer(NormalizerParams())


@pytest.mark.parametrize("before", SPACES)
@pytest.mark.parametrize("line_break", [r"\\", r"\\*", r"\\[2pt]", r"\\ [2pt]"])
def test_spaces_before_a_line_break_of_a_text(before: str, line_break: str) -> None:
    latex = NORMALIZER.normalize(rf"x \text{{a{before}{line_break} b}}")
    assert NORMALIZER.normalize(latex) == latex


@pytest.mark.parametrize("command", [r"\substack", r"\underset", r"\hat", r"\sqrt", "x^", r"\frac1"])
@pytest.mark.parametrize("nothing", [r"\label{a}", r"\label a", r"\tag{1}", r"\ref{a}"])
def test_a_label_is_no_argument(command: str, nothing: str) -> None:
    with pytest.raises(LatexError) as caught:
        NORMALIZER.normalize(f"{command}{nothing} y")
    assert caught.value.reason == "missing_argument"


def test_a_normal_form_that_is_too_long_is_refused() -> None:
    normalizer = Normalizer(NormalizerParams(max_characters=19))
    with pytest.raises(LatexError) as caught:
        normalizer.normalize("a^bc^de^fg^h")
    assert caught.value.reason == "too_long"
    assert normalizer.normalize("a^b") == "a ^ { b }"
