"""Filter expressions over columns are evaluated; everything else is rejected with a sentence."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.dataset.filter_expression import evaluate_expression, validate_expression

SAMPLES = pd.DataFrame(
    {"length": [1, 50], "unknown": [0, 2], "width": [100, 900], "height": [50, 20], "split": ["train", "test"]}
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("length < 100 and width < 4 * height", [True, False]),
        ("not unknown == 0", [False, True]),
        ("10 < length <= 50", [False, True]),
        ("split != 'test' or -width % 7 == 3", [True, True]),
        (" width / (unknown - 0) > 1e9", [True, False]),
    ],
)
def test_rules(rule: str, expected: list[bool]) -> None:
    assert evaluate_expression(SAMPLES, validate_expression(rule)).tolist() == expected


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("", "not an expression"),
        ("length <", "not an expression"),
        ("length = 3", "not an expression"),
        ("pixels > 3", "names pixels; the columns are length"),
        ("__import__('os').system('true') == 0", "holds"),
        ("length.real > 3", "holds Attribute"),
        ("abs(length) > 3", "holds Call"),
        ("length @ width > 3", "holds MatMult"),
        ("@length > 3", "not an expression"),
        ("length ** 9 ** 9 > 3", "holds Pow"),
        ("'a' * 1000000000 == split", "combines constants only"),
        ("split * 3 == 'a'", "a text where a number belongs: split"),
        ("length", "gives a number"),
        ("length and width > 3", "a number where a truth belongs: length"),
        ("split > 3", "a number where a text belongs: 3"),
        ("1 < 2", "combines constants only: 1 < 2"),
        ("length < 3 / 0", "combines constants only: 3 / 0"),
        ("length * 99999999999999999999 > 3", "numbers go up to"),
        ("True", "gives a truth value"),
        ("length > None", "holds None"),
        ("length > [3]", "holds List"),
        ("length > (lambda: 3)", "holds"),
    ],
)
def test_refused(rule: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        validate_expression(rule)


ATOMS = st.sampled_from(["length", "unknown", "width", "height", "split", "3", "0", "2.5", "'val'", "True"])
RULES = st.recursive(
    ATOMS,
    lambda inner: st.builds(
        "({} {} {})".format, inner, st.sampled_from(["+", "*", "/", "//", "%", "<", "==", "and", "or"]), inner
    ),
    max_leaves=6,
)


@given(RULES)
def test_what_is_let_through_can_be_evaluated(rule: str) -> None:
    try:
        validate_expression(rule)
    except ValueError:
        return
    assert evaluate_expression(SAMPLES, rule).dtype == bool
