"""The paste-ready spelling: its style, and that it has the tokens and the image of the formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.errors import LatexError
from im2latex.latex.grammar.generator import generate, load_classics
from im2latex.latex.normalizer import normalize
from im2latex.latex.parser.parse import parse
from im2latex.latex.pretty import pretty
from im2latex.latex.serializer import write
from im2latex.latex.tokens import join, matching_braces, split
from im2latex.rendering.renderer import TexRenderer
from tests.decoding.test_grammar_constraint import walk

_PIECES = split(
    r"""{ } ^ _ & ~ x 1 + - = ( ) [ ] , | ' * \alpha \prime \frac \sqrt \sum \sin \left \right \big \text{if~a}
    \mathrm \operatorname \\ \\[2pt] \, \quad \begin{array} \end{array} \begin{matrix} \end{matrix} \hspace 1cm \raise
    2pt \not \overset \displaystyle \textcolor{red} \nobreakspace \limits \middle \vrule width2pt \mathchar"""
)


@pytest.mark.parametrize(
    ("source", "spelling"),
    [
        (r"\int_{-\infty}^\infty e^{-x^2}\,dx = \sqrt{\pi}", r"\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}"),
        (r"x_{1,2} = \frac{-b\pm\sqrt{b^2-4ac}}{2a}", r"x_{1,2} = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}"),
        (r"\operatorname{tr}A^{-1} + \sin^2\theta", r"\operatorname{tr} A^{-1} + \sin^2 \theta"),
        (r"f'(x)+f''_2+g'^2_1", r"f'(x) + f_2'' + g_1'^2"),
        (r"x^2y+a_1b+x^*", r"x^2 y + a_1 b + x^*"),
        (r"\lim_{x\to0}f(x),\quad\alpha2", r"\lim_{x\to 0} f(x), \quad \alpha 2"),
        (r"-x=-(-y+2)", r"-x = -(-y + 2)"),
        (r"x\text{ if and only if }y", r"x\text{ if and only if }y"),
        (r"5~\mathrm{kg}, T_{\text{max}}", r"5~\mathrm{kg}, T_{\mathrm{max}}"),
        (r"\text{for all $n$ in }B", r"\text{for all $n$ in }B"),
        (r"\text{St. John, e.g.}", r"\text{St. John, e.g.}"),
        (r"a\ +b", r"a\ + b"),
        (r"\mathrm{rank}A=\mathrm{const}", r"\mathrm{rank}A = \mathrm{const}"),
        (r"a,\quad\text{and}\quad b", r"a, \quad \text{and} \quad b"),
        (
            r"\begin{cases}1&\text{if }x>0\\0&\text{otherwise}\end{cases}",
            r"\begin{cases} 1 & \text{if }x > 0 \\ 0 & \text{otherwise} \end{cases}",
        ),
        (r"\begin{array}{c|c}a&b\\\hline[c]&d\end{array}", r"\begin{array}{c|c} a & b \\ \hline [c] & d \end{array}"),
        (r"\left(\frac12\right)^2\big|_{x=0}", r"\left(\frac{1}{2}\right)^2\big|_{x=0}"),
        (r"A\not\subset B\overset{!}{=}\sqrt[3]x", r"A \not\subset B \overset{!}{=} \sqrt[3]{x}"),
    ],
)
def test_the_style(source: str, spelling: str) -> None:
    tokens = normalize(source)
    assert pretty(tokens) == pretty(tokens.split()) == spelling
    assert normalize(spelling) == tokens


def formulas() -> list[str]:
    """Normalized formulas of many kinds."""
    found = []
    for source in [*load_classics(), *generate(400, 5)]:
        try:
            found.append(normalize(source))
        except LatexError:
            continue
    assert len(found) > 400
    return found


def test_normalization_restores_the_tokens() -> None:
    for tokens in formulas():
        assert normalize(pretty(tokens)) == tokens


@pytest.mark.parametrize("length", [5, 15, 40])
def test_every_formula_that_a_model_can_write_is_spelled_with_the_same_tree(length: int) -> None:
    vocabulary = Vocabulary([*SPECIALS, *_PIECES])
    spelled = 0
    for ids in walk(GrammarConstraint(vocabulary), np.ones(len(vocabulary)), rows=100, length=length, seed=length):
        tokens = vocabulary.decode(ids)
        try:
            tree = parse(join(tokens))
        except LatexError:  # an empty one
            continue
        spelled += 1
        assert write(parse(pretty(tokens))) == write(tree), tokens
    assert spelled > 50


@given(st.lists(st.sampled_from(_PIECES), max_size=25))
def test_any_sequence_of_tokens_is_spelled(tokens: list[str]) -> None:
    assert pretty(tokens).count("x") == join(tokens).count("x")


def test_a_formula_that_is_only_a_beginning_is_spelled() -> None:
    tokens = split(r"\left ( \frac { a ^ { 2 } } { b + \begin{array} { c")
    for end in range(len(tokens) + 1):
        unspaced = "".join(tokens[:end])
        assert pretty(tokens[:end]).replace(" ", "") == (unspaced.replace("{2}", "2") if end > 7 else unspaced)
    assert pretty("{ " * 5000).startswith("{")


def test_matching_braces() -> None:
    assert matching_braces(split("{ a { } } } {")) == {0: 4, 2: 3}


@pytest.mark.needs_tex
def test_the_image_is_the_same() -> None:
    renderer, several = TexRenderer(), formulas()[::12]
    images = renderer.render([*several, *map(pretty, several)])
    for tokens, one, other in zip(several, images, images[len(several) :], strict=False):
        assert one.pixels is not None, tokens
        assert other.pixels is not None, tokens
        assert np.array_equal(one.pixels, other.pixels), tokens
