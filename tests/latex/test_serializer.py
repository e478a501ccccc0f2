import pytest

from im2latex.latex.parser.parse import parse
from im2latex.latex.serializer import write


@pytest.mark.parametrize(
    ("source", "token"),
    [
        (r"\text{for  all }", r"\text{for~all~}"),
        (r"\text{e.g. this}", r"\text{e.g.\space{}this}"),
        (r"\text{if $x \in A$}", r"\text{if~$x\in{}A$}"),
        (r"\mbox{\hskip 1 cm if}", r"\mbox{\hskip1cmif}"),
        (r"\mbox{\it x}", r"\mbox{\it{}x}"),
        (r"\textbf{\textit x}", r"\textbf{\textit{x}}"),
        (r"\text{a {b c}}", r"\text{a~{b~c}}"),
        (r"\raisebox{1 pt}{a}", r"\raisebox{1pt}{a}"),
    ],
)
def test_a_text_is_one_token(source: str, token: str) -> None:
    assert write(parse(source)) == [token]


def test_raw_words_join_the_name_since_their_spaces_would_count() -> None:
    assert write(parse(r"\color{red} x \textcolor[rgb]{1, 0, 0}{y}")) == [
        *(r"\color{red}", "x"),
        *(r"\textcolor[rgb]{1,0,0}", "{", "y", "}"),
    ]


def test_a_star_behind_a_row_break_is_not_taken_by_it() -> None:
    tokens = write(parse(r"\begin{matrix} a \\ \ast \end{matrix}"))
    assert tokens == [r"\begin{matrix}", "a", r"\\", r"\ast", r"\end{matrix}"]
