import pytest

from im2latex.errors import LatexError
from im2latex.latex.parser.parse import parse
from im2latex.latex.serializer import write


def _columns(specification: str) -> list[str]:
    tokens = write(parse(rf"\begin{{array}}{{{specification}}} a \end{{array}}"))
    return tokens[2 : tokens.index("}")]


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ("l|c r", ["l", "|", "c", "r"]),
        (r"l@{\,}w{r}{2 cm}", ["l", r"@{\,}", "w{r}{2cm}"]),
        (r"l@{\extracolsep{ 2 pt }=}r", ["l", r"@{\extracolsep{2pt}=}", "r"]),
        ("*{3}{c|}", ["c", "|"] * 3),
        ("w{c}{1 cm}", ["w{c}{1cm}"]),
        (r"r@{\ =\ }l", ["r", r"@{\nobreakspace=\nobreakspace}", "l"]),
        (r"r@ =l", ["r", "@{=}", "l"]),
        (r"c!{\vrule width 2 pt}c", ["c", r"!{\vrule", "width2pt}", "c"]),
        (r">{\in A}c", [r">{\in{}A}", "c"]),
    ],
)
def test_columns(specification: str, expected: list[str]) -> None:
    assert _columns(specification) == expected


@pytest.mark.parametrize("specification", ["cX", "w", "*{3}", "*{999}{*{999}{c}}", "{c}"])
def test_bad_specifications_are_refused(specification: str) -> None:
    with pytest.raises(LatexError) as caught:
        _columns(specification)
    assert caught.value.reason == "bad_columns"


@pytest.mark.parametrize("specification", ["p{2cm}c", "p {2 cm} | l", "m{1cm}", "b{1em}", "*{2}{p{3pt}}"])
@pytest.mark.parametrize(
    "table",
    [r"\begin{{array}}{{{}}} ab \end{{array}}", r"\begin{{array}}{{c}} \multicolumn{{1}}{{{}}}{{a}} \end{{array}}"],
)
def test_mathematics_in_columns_of_text_is_refused(specification: str, table: str) -> None:
    with pytest.raises(LatexError) as caught:
        parse(table.format(specification))
    assert caught.value.reason == "text_column"


@pytest.mark.parametrize("cell", ["", "a", "{}", r"\%"])
def test_one_symbol_prints_alike_in_a_column_of_text(cell: str) -> None:
    assert parse(rf"\begin{{array}}{{c|p{{2cm}}}} x & {cell} \end{{array}}")
