"""The lexer on raw LaTeX, on normalized formulas, and on invalid input."""

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.errors import LatexError
from im2latex.latex.grammar.generator import generate
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.parser.lexer import lex
from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS

NORMALIZER = Normalizer(NormalizerParams())


@pytest.mark.parametrize(
    ("source", "tokens"),
    [
        ("x^2", "x ^ { 2 }"),
        (r"\skew3\hat A", r"\skew{3}{\hat} { A }"),
        (r"\genfrac ( ) {} 1 a b", r"\genfrac{(}{)}{}{1} { a } { b }"),
        (r"\multicolumn2c{x}", r"\multicolumn{2} { c } { x }"),
        (r"\begin{array} c x \end{array}", r"\begin{array} { c } x \end{array}"),
        (
            r"\begin{array}{r@{\ \cdot\ }l} \end{array}",
            r"\begin{array} { r @{\nobreakspace\cdot\nobreakspace} l } \end{array}",
        ),
        (r"\text{a\ b}c", r"\text{a~b} c"),
        ("\\text{a% {\n b} c", r"\text{ab} c"),
        (r"\sqrt[\uproot 2 \leftroot{-2} 3] x", r"\sqrt[\uproot{2}\leftroot{-2}3] { x }"),
        ("x ^ {2}", "x ^ { 2 }"),
        (r"\frac12", r"\frac { 1 } { 2 }"),
        (r"x^\frac ab", r"x ^ { \frac { a } { b } }"),
        (r"\hat\mathbf x", r"\hat { \mathbf { x } }"),
        (r"\sqrt [3] x", r"\sqrt [ 3 ] { x }"),
        (r"\sqrt[\left[x\right]]y", r"\sqrt [ \left [ x \right ] ] { y }"),
        (r"\operatorname * {max}", r"\operatorname* { m a x }"),
        (r"\begin {array} {c|c} a & b \\ [2 pt] c \end{array}", r"\begin{array} { c | c } a & b \\[2pt] c \end{array}"),
        (r"\begin{aligned} [t] a \\ [b] \end{aligned}", r"\begin{aligned} [ t ] a \\ [ b ] \end{aligned}"),
        (r"\text{if  x}y", r"\text{if~x} y"),
        (r"\textcolor {red} x", r"\textcolor{red} { x }"),
        (r"\hspace* { 1.5 cm }", r"\hspace* { 1.5cm }"),
        (r"\kern 2 pt x", r"\kern 2pt x"),
        (r"\raisebox {1 pt} {a b}", r"\raisebox{1pt}{a~b}"),
        (r"\big ( x \bigr{)}", r"\big ( x \bigr )"),
        ("a% b", "a"),
        ("a\\ b\\", r"a \nobreakspace b \nobreakspace"),
        ("$x$", "x"),
        (r"\[ x \]", "x"),
        ("$a$ b $c$", "$ a $ b $ c $"),
        ("", ""),
    ],
)
def test_tokens_are_what_tex_reads(source: str, tokens: str) -> None:
    assert lex(source) == tokens.split()


@pytest.mark.parametrize(
    ("source", "tokens"),
    [
        ("x^", "x ^"),
        ("x^^2", "x ^ ^ { 2 }"),
        ("{x_}", "{ x _ }"),
        (r"\frac{a", r"\frac { a"),
        (r"}\text{a b", r"} \text { a b"),
        (r"\begin x \end", r"\begin x \end"),
        (r"\sqrt[3 x", r"\sqrt [ 3 x"),
        (r"\begin{array}{q}x", r"\begin{array} { q } x"),
        (r"\left", r"\left"),
        ("% nothing", "% nothing"),
        ("$ $", "$ $"),
    ],
)
def test_what_is_no_formula_has_tokens_too(source: str, tokens: str) -> None:
    assert lex(source) == tokens.split()


PIECES = [*"ab12{}[]^_&$%\\ \n()|.", "\\left", "\\\\", *COMMANDS, *(f"\\begin{{{name}}}" for name in ENVIRONMENTS)]


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_no_string_makes_it_raise_and_tokens_hold_no_space(source: str) -> None:
    assert all(token and not any(character.isspace() for character in token) for token in lex(source))


def test_nesting_has_no_limit() -> None:
    assert len(lex("{" * 50_000)) == len(lex("^" * 50_000)) == len(lex(r"\sqrt[" * 25_000)) == 50_000
    assert len(lex(r"\hat" * 20_000 + " x")) == 60_001


def respelled(tokens: list[str], random_choice: random.Random) -> str:
    """The tokens with other spaces, and without the braces that TeX can do without."""
    text = ""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        bare = tokens[at : at + 3 : 2] == ["{", "}"] and len(tokens[at + 1]) == 1 and tokens[at + 1].isalnum()
        if bare and tokens[at - 1] in ("^", "_", "\\hat", "\\sqrt") and random_choice.random() < 0.7:
            token = tokens[at + 1]
            at += 2
        word = text.rpartition("\\")[2].isalpha() and "\\" in text
        gap = random_choice.choice(["", " ", "  ", "\t", "\n"])
        text += (gap or " " if word and token[0].isalpha() else gap) + token
        at += 1
    return text


@pytest.mark.parametrize("seed", range(3))
def test_spaces_and_braces_of_arguments_change_nothing(seed: int) -> None:
    chosen = random.Random(seed)
    changed = 0
    for formula in generate(300, seed):
        tokens = NORMALIZER.normalize(formula).split()
        source = respelled(tokens, chosen)
        changed += source.split() != tokens
        assert lex(source) == tokens, source
    assert changed > 200


@pytest.mark.parametrize("seed", range(3))
def test_a_normalized_formula_is_cut_as_whitespace_cuts_it(seed: int) -> None:
    for formula in generate(500, seed):
        normalized = NORMALIZER.normalize(formula)
        assert lex(normalized) == normalized.split()


ARXIV = Path(__file__).parents[3] / "shared/data/arxiv_formulas_val.jsonl.gz"


@pytest.mark.skipif(not ARXIV.is_file(), reason="real formulas are not here")
def test_real_formulas_normalized_are_cut_as_whitespace_cuts_them() -> None:
    with gzip.open(ARXIV, "rt", encoding="utf-8") as file:
        formulas = [json.loads(line)["formula"] for line, _ in zip(file, range(1000), strict=False)]
    judged = 0
    for formula in formulas:
        assert lex(" ".join(lex(formula))) == lex(formula)
        try:
            normalized = NORMALIZER.normalize(formula)
        except LatexError:
            continue
        judged += 1
        assert lex(normalized) == normalized.split()
    assert judged > 900
