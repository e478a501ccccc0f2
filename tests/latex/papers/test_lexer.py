import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.latex.papers.lexer import JOIN, read_argument, read_optional, tokens, untokenize
from im2latex.latex.papers.verbatim import remove_comments


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a % b\nc", f"a {JOIN}c"),
        (r"50\% b", r"50\% b"),
        (r"\\% c", r"\\"),
        ("a\\begin{verbatim}\n$x$\n\\end{verbatim}b", "a \n\nb"),
        (r"\verb|$x$| y", "  y"),
        (r"\url{http://a.b/%7Ec} d", "  d"),
        (r"\href{a%b}{$x$}", r"\href{$x$}"),
        (r"\newcommand{\url}[1]{x}", r"\newcommand{\url}[1]{x}"),
        (r"\lstinline[language=C]{a$b}c \mintinline{py}|$| \verb*+$+", " c    "),
        ("a % b\n\nc", "a \n\nc"),
        ("a\r% b\rc", f"a\n{JOIN}c"),
        ("% \\begin{verbatim}\na", f"{JOIN}a"),
    ],
)
def test_what_is_no_text_is_blanked(source: str, text: str) -> None:
    assert remove_comments(source) == text


@given(st.text(alphabet="ab%\\{}\n $", max_size=40))
def test_lines_keep_their_number(source: str) -> None:
    text = remove_comments(source)
    assert text.count("\n") + text.count(JOIN) == source.count("\n")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\alpha x", ["\\alpha", "x"]),
        (r"a  \, b", ["a", " ", "\\,", " ", "b"]),
        ("#1#2", ["#1", "#2"]),
        (r"\{a\}", ["\\{", "a", "\\}"]),
    ],
)
def test_tokens(source: str, expected: list[str]) -> None:
    assert tokens(source) == expected


@given(st.text(alphabet="ab\\{} $^_\n", max_size=40))
def test_tokens_survive_being_written(source: str) -> None:
    once = untokenize(tokens(source))
    assert tokens(once) == tokens(source)


def test_arguments() -> None:
    assert read_argument(" {a{b}} c", 0) == ("a{b}", 7)
    assert read_argument(r"\alpha x", 0) == ("\\alpha", 6)
    assert read_optional("[a[b]{]}]c", 0) == ("a[b]{]}", 9)
    assert read_optional("x", 0) == (None, 0)
