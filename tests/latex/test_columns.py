import pytest

from im2latex.errors import LatexError
from im2latex.latex.columns import columns


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ("l|c r", ["l", "|", "c", "r"]),
        (r"l@{\,}p{2 cm}", ["l", r"@{\,}", "p{2cm}"]),
        ("*{3}{c|}", ["c", "|"] * 3),
        ("w{c}{1 cm}", ["w{c}{1cm}"]),
    ],
)
def test_columns(specification: str, expected: list[str]) -> None:
    assert columns(specification) == expected


@pytest.mark.parametrize("specification", ["cX", "p", "*{3}", "*{999}{*{999}{c}}"])
def test_bad_specifications_are_refused(specification: str) -> None:
    with pytest.raises(LatexError, match="bad_columns"):
        columns(specification)
