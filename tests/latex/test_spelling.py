"""Every token is spelled in recurring symbols and restored exactly."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.latex.grammar.generator import generate
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.spelling import FIRST_MARK, LAST_MARK, join, joined, spell
from im2latex.latex.tokens import split, squeeze

_UNITS = ["pt", "mm", "cm", "in", "ex", "em", "bp", "pc", "mu", "truecm"]
_MATHS = [r"x _ { 1 }", r"\in A", r"\frac { a } { b }", r"\alpha \beta", r"\operatorname* { m }", "2 c m", r"\{ x \}"]
_PIECES = [*"abzAQ019.,;:!?'`\"-+=()[]|/*<>@~", r"\_", r"\&", r"\'{e}", r"\LaTeX{}", r"\space{}", r"\LaTeX", r"\\"]


@st.composite
def lengths(draw: st.DrawFn) -> str:
    whole, part = draw(st.sampled_from(["", "0", "1", "12"])), draw(st.sampled_from(["", ".", ".5", ".095"]))
    number = f"{whole}{part}" if any(map(str.isdigit, whole + part)) else "1"
    return draw(st.sampled_from(["", "-", "+"])) + number + draw(st.sampled_from(_UNITS))


@st.composite
def contents(draw: st.DrawFn, depth: int = 2) -> str:
    """Possible content of a box: no space, control words apart from letters."""
    inner = st.sampled_from(_PIECES)
    if depth:
        nested = contents(depth - 1)
        inner |= nested.map(lambda text: f"{{{text}}}") | nested.map(lambda text: rf"\textbf{{{text}}}")
        inner |= st.sampled_from(_MATHS).map(lambda math: f"${squeeze(math)}$")
        inner |= lengths().map(lambda length: rf"\hspace{{{length}}}") | lengths().map(lambda length: rf"\kern{length}")
    return squeeze(" ".join(draw(st.lists(inner, max_size=8))))


@st.composite
def boxes(draw: st.DrawFn) -> str:
    """One word: a text box, a length, or another token with arguments inside."""
    shape = draw(
        st.sampled_from(
            [
                r"\text{T}", r"\mbox{T}", r"\textbf{T}", r"\raisebox{L}{T}", r"\raisebox{L}[L][L]{T}", "L", r"\\[L]",
                r"\\*[L]", "p{L}", "@{T}", r"\begin{aligned}[t]", r"\begin{multlined}[c][L]", r"\color{red}",
                r"\color[rgb]{.5,0,1}", r"\smash[b]", r"\genfrac{(}{)}{L}{}", r"\hspace*{L}", r"\makebox[L][c]{T}", "-",
                r"\operatorname*", r"\begin{array}", "x",
            ]
        )
    )  # fmt: skip
    while "L" in shape:
        shape = shape.replace("L", draw(lengths()), 1)
    return shape.replace("T", draw(contents()))


def formula_with_boxes() -> st.SearchStrategy[list[str]]:
    return st.lists(boxes() | st.sampled_from([r"\frac", "{", "}", "x", r"\in", "1"]), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("word", "symbols"),
    [
        (r"\text{if~$x_{1}$}", r"«\text{ i f ~ $ x _ { 1 } $ }»"),
        (r"\mbox{\hspace{1cm}}", r"«\mbox{ \hspace { 1 cm } }»"),
        (r"\text{\'{e}t\'{e}}", r"«\text{ \' { e } t \' { e } }»"),
        (r"\text{$\in{}A$}", r"«\text{ $ \in A $ }»"),
        (r"\text{\\in{}A}", r"«\text{ \\ i n { } A }»"),
        (r"\text{Re:\space{}1}", r"«\text{ R e : \space { } 1 }»"),
        (r"\text{\in}", r"«\text{ \in }»"),
        (r"\text{$\operatorname*{m}\alpha*$}", r"«\text{ $ \operatorname* { m } \alpha * $ }»"),
        (r"\text{\hspace*{1em}}", r"«\text{ \hspace* { 1 em } }»"),
        (r"\mbox{}", r"«\mbox{ }»"),
        (r"-0.5em", "« - 0 . 5 em»"),
        ("2truecm", "« 2 truecm»"),
        (r"\\[2pt]", r"«\\[ 2 pt ]»"),
        (r"\\*[-1ex]", r"«\\*[ - 1 ex ]»"),
        ("p{2cm}", "«p{ 2 cm }»"),
        (r"@{\ =\ }".replace(" ", "~"), r"«@{ \~ = \~ }»"),
        (r"\raisebox{2pt}[0pt][0pt]{x}", r"«\raisebox{ 2 pt } [ 0 pt ] [ 0 pt ] { x }»"),
        (r"\begin{multlined}[c][1cm]", r"«\begin{multlined}[ c ] [ 1 cm ]»"),
        (r"\smash[b]", r"«\smash[ b ]»"),
        (r"\text{2cmx}", r"«\text{ 2 cm x }»"),
        *((one, one) for one in [r"\frac", "x", r"\{", r"\\", r"\begin{array}", r"\end{matrix*}", r"\operatorname*"]),
    ],
)  # fmt: skip
def test_symbols(word: str, symbols: str) -> None:
    assert " ".join(spell(word)) == symbols
    assert join(spell(word)) == [word]


@given(st.lists(boxes(), max_size=4))
def test_boxes_and_lengths_come_back(words: list[str]) -> None:
    assert join(symbol for word in words for symbol in spell(word)) == words


@given(st.lists(st.text(sorted({*string.printable} - {*string.whitespace}), min_size=1), max_size=4))
def test_any_words_come_back(words: list[str]) -> None:
    symbols = [spell(word) for word in words]
    assert join(symbol for word in symbols for symbol in word) == words
    for word in symbols:
        assert len(word) == 1 or (word[0].startswith(FIRST_MARK) and word[-1].endswith(LAST_MARK))


def test_normalized_formulas_come_back() -> None:
    normalizer = Normalizer(NormalizerParams())
    for formula in generate(300, 5):
        words = split(normalizer.normalize(formula))
        assert join(symbol for word in words for symbol in spell(word)) == words


@given(st.lists(st.sampled_from([*spell(r"\text{a\in$b$}"), *spell("-1cm"), "x", "<unk>"]), max_size=12))
def test_any_symbols_are_read(symbols: list[str]) -> None:
    """A model may write what nothing is spelled as."""
    found = list(joined(symbols))
    assert [place for _, places in found for place in places] == list(range(len(symbols)))
    assert not any(character.isspace() for word, _ in found for character in word)


def test_a_word_ends_where_the_next_begins() -> None:
    assert join(["«\\text{", "i", "«\\text{", "f", "}»", "}»", "x"]) == ["\\text{i", "\\text{f}", "}", "x"]
