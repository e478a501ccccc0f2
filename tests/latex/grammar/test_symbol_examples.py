"""The example of a symbol contains it and is a valid formula."""

from random import Random

import pytest

from im2latex.latex.grammar.symbol_examples import symbol_example
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.signatures import ENVIRONMENTS
from im2latex.latex.parser.symbols import symbol_classes
from im2latex.latex.rules.names import SYNONYMS

KINDS = ["ord", "alpha", "op", "bin", "rel", "open", "close", "punct", "function"]
ONE_NAME = SYNONYMS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_every_symbol_of_a_class_has_a_use(kind: str) -> None:
    unused = []
    for symbol in sorted(symbol_classes()[kind] - ONE_NAME):
        found = [symbol_example(symbol, Random(seed)) for seed in range(3)]
        if None in found:
            unused.append(symbol)
            continue
        assert all(symbol in normalize(text or "", NormalizerParams()).split() for text in found)
    assert len(unused) <= 6, unused


@pytest.mark.parametrize(
    "symbol", ["a", "7", "<", ";", r"\hat", r"\frac", r"\mathcal", r"\bigl", r"\,", r"\boldsymbol"]
)
def test_characters_and_commands(symbol: str) -> None:
    texts = {symbol_example(symbol, Random(seed)) for seed in range(30)}
    assert len(texts) > 5
    for text in texts:
        assert text is not None
        assert symbol in normalize(text, NormalizerParams()).split()


@pytest.mark.parametrize("name", ["pmatrix", "cases", "aligned", "array", "smallmatrix", "gathered", "rcases"])
def test_environments(name: str) -> None:
    text = symbol_example(rf"\begin{{{name}}}", Random(1))
    assert text is not None
    assert any(token.startswith(rf"\begin{{{name}}}") for token in normalize(text, NormalizerParams()).split())
    assert name in ENVIRONMENTS


@pytest.mark.parametrize("symbol", [r"\text{if}", "1.5cm", r"\color{red}", r"\\[2pt]", r"\middle", "{", "^", "&"])
def test_what_is_no_symbol(symbol: str) -> None:
    assert symbol_example(symbol, Random(1)) is None


def test_never_raises() -> None:
    for symbol in [*(f"\\begin{{{name}}}" for name in ENVIRONMENTS), r"\genfrac{}{}{0pt}{}", r"\unknown", "", "~"]:
        assert symbol_example(symbol, Random(2)) != ""
