import pytest

from im2latex.metrics.features import DEEPEST, FEATURES, features, fraction_depth


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x + y", {"plain"}),
        ("", {"plain"}),
        (r"x ^ { 2 }", {"script"}),
        (r"\begin{array} { c } a \end{array}", {"matrix"}),
        (r"\begin{pmatrix} a \end{pmatrix}", {"matrix"}),
        (r"\begin{cases} a \end{cases}", {"matrix"}),
        (r"\begin{aligned}[t] a \\ b \end{aligned}", {"several_lines"}),
        (r"\hat { a } \mathbf { x }", {"accent", "font"}),
        (r"\mathop { x } \mathrel { y }", {"plain"}),
        (r"\mathring { a }", {"accent"}),
        (r"\text{if} \sqrt { x }", {"text", "root"}),
        (r"\sum _ { i } \left ( x \right )", {"large_operator", "script", "sized_delimiter"}),
        (r"\big ( \frac { a } { b }", {"sized_delimiter", "fraction_depth_1"}),
    ],
)
def test_features_of_formulas(formula: str, expected: set[str]) -> None:
    assert features(formula) == expected
    assert expected <= set(FEATURES)


@pytest.mark.parametrize(
    ("formula", "depth"),
    [
        ("a", 0),
        (r"\frac { a } { b } \frac { c } { d }", 1),
        (r"\frac { a } { { \frac { b } { c } } }", 2),
        (r"\frac { \binom { a } { b } } { c } x", 2),
        (r"\frac { a } { b } { \frac { c } { d } }", 1),
        (r"\frac a { \dfrac b c }", 2),
        (r"\frac { \sqrt { \frac { \frac 1 2 } { 3 } } } { 4 }", 3),
        (r"} } \frac { { a", 1),
        (r"\frac", 1),
    ],
)
def test_depth_of_fractions(formula: str, depth: int) -> None:
    assert fraction_depth(formula.split()) == depth


def test_deeper_fractions_count_as_the_deepest_and_no_depth_is_too_much() -> None:
    nested = r"\frac { a } { " * 5000 + "b" + " }" * 5000
    assert fraction_depth(nested.split()) == 5000
    assert f"fraction_depth_{DEEPEST}" in features(nested)
