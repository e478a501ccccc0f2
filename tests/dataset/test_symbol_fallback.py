"""Labels of the generators of `tests.latex.regressions` decode exactly, with and without symbol fallback."""

from collections.abc import Callable, Iterator
from inspect import isfunction, signature
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tokenizers import Tokenizer

from im2latex.dataset.hf_tokenizer import save_tokenizer
from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.errors import LatexError
from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.spelling import join, spell
from im2latex.latex.tokens import split
from tests.decoding.test_grammar_constraint import refusal, walk
from tests.latex.regressions import (
    test_argument_styles,
    test_columns,
    test_documented,
    test_fields,
    test_options,
    test_row_breaks,
    test_text,
)
from tests.latex.regressions.variants import Draw

SIBLINGS = 40
NORMALIZER = Normalizer(NormalizerParams())


def generators(module: ModuleType) -> Iterator[Callable[[Draw], str]]:
    """The functions of a module that draw a formula."""
    for name, found in vars(module).items():
        if name[0] == "_" and isfunction(found) and found.__module__ == module.__name__:
            taken = [one.annotation for one in signature(found).parameters.values()]
            yield from [found] if taken == [Draw] else []


@pytest.fixture(scope="module")
def labels() -> list[list[str]]:
    draw = Draw(3)
    modules = [test_argument_styles, test_documented, test_fields, test_options, test_row_breaks]
    kinds = [kind for module in modules for kind in generators(module)]
    assert len(kinds) > 20
    raw = [kind(draw) for kind in kinds for _ in range(SIBLINGS)]
    raw += [*test_text._texts(3, 300), *test_columns._arrays(3, 100)]
    found: dict[str, None] = {}
    for formula in raw:
        try:
            found[NORMALIZER.normalize(formula)] = None
        except LatexError:
            continue
    assert len(found) > 700
    return [split(label) for label in found]


def test_each_is_read_whole_and_spelled(labels: list[list[str]]) -> None:
    unread = [" ".join(row) for row in labels if not accepts(row)]
    assert unread == []
    unread = [" ".join(row) for row in labels if not accepts([symbol for word in row for symbol in spell(word)])]
    assert unread == []


@pytest.mark.parametrize("kind", ["word_level", "bpe"])
@pytest.mark.parametrize("spelled", [True, False])
def test_each_comes_back_by_way_of_ids(labels: list[list[str]], kind: str, spelled: bool, tmp_path: Path) -> None:
    params = VocabularyParams.model_validate(
        {"type": kind, "min_frequency": 1, "max_size": 6000, "symbol_fallback": spelled}
    )
    vocabulary = Vocabulary.fit(labels, params)
    save_tokenizer(vocabulary, tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for row in labels:
        ids = vocabulary.encode(row)
        assert vocabulary.decode(ids) == row
        assert [word for word, _ in vocabulary.spans(ids)] == row
        assert tokenizer.encode(" ".join(row)).ids == ids
        assert tokenizer.decode(ids) == " ".join(row)


@pytest.mark.parametrize("spelled", [True, False])
def test_a_walk_ends_in_a_formula_that_parses(labels: list[list[str]], spelled: bool) -> None:
    vocabulary = Vocabulary.fit(labels, VocabularyParams(min_frequency=2, max_size=1200, symbol_fallback=spelled))
    grammar = GrammarConstraint(vocabulary)
    weights = np.array([12 if "«" in entry or entry == "$" else 1 for entry in vocabulary.tokens])
    for tokens in walk(grammar, weights, rows=60, length=40, seed=2):
        formula = vocabulary.decode(tokens)
        assert refusal(" ".join(formula)) in ("", "empty"), " ".join(formula)
        assert join(symbol for word in formula for symbol in spell(word)) == formula
