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


@pytest.mark.parametrize(
    "end", [r"\\", r"\\*", r"\\[2pt]", r"\\ \quad", r"\\ \\", r"\\ \scriptstyle", r"\, \\", r"\\ \rm"]
)
@pytest.mark.parametrize(
    "switch", [r"\rm 0", r"\bf x + y", r"\cal L _ 1", r"x + \rm a _ b", r"x + \it y", r"\rm a \bf b"]
)
@pytest.mark.parametrize(
    "around", ["{}", "{{{}}}", r"\displaystyle {{{}}}", r"{{\displaystyle {}}} \quad", "{{{{{}}}}} \\\\"]
)
def test_a_font_switch_before_a_break_at_the_end_of_the_formula(switch: str, end: str, around: str) -> None:
    latex = NORMALIZER.normalize(around.format(f"{switch} {end}"))
    assert NORMALIZER.normalize(latex) == latex
    assert latex == NORMALIZER.normalize(around.format(switch))


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
