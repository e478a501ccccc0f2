import pytest

from im2latex.latex.normalize import NormalizerParams, normalize


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"\quad x\ ", r"\quad x"),
        ("a\\\nb", "a ~ b"),
        (r"a =\ \left(b\right)", r"a = \nobreakspace \left ( b \right )"),
        (r"\hskip10pt plus 2pt x", r"\hspace { 10ptplus2pt } x"),
    ],
)
def test_spacing(before: str, after: str) -> None:
    assert normalize(before, NormalizerParams()) == after
