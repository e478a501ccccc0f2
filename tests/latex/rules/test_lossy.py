import pytest

from im2latex.latex.normalize import NormalizerParams, normalize

COMPACT = NormalizerParams(profile="compact")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"\left( x \right.^2", "( x { } ^ { 2 }"),
        (r"a \middle| b", "a | b"),
        (r"\left[ \left( x \right) \right]", "[ ( x ) ]"),
        (r"\textstyle \tbinom nk \quad", r"\binom { n } { k }"),
    ],
)
def test_compact(before: str, after: str) -> None:
    assert normalize(before, COMPACT) == after


def test_faithful_keeps_sizes() -> None:
    assert normalize(r"\big( x \Big)", NormalizerParams()) == r"\big ( x \Big )"
