import gzip
import json
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.errors import LatexError
from im2latex.latex.grammar.generator import random_formula
from im2latex.latex.grammar.respell import respell
from im2latex.latex.normalizer import Normalizer, NormalizerParams, normalize
from im2latex.latex.tokens import join, lexemes, split, squeeze

DATA = Path(__file__).parents[3] / "shared" / "data" / "arxiv_formulas_val.jsonl.gz"


def test_split_and_join_are_inverse() -> None:
    line = r"\frac { 1 } { 2 } + \text{for~all}"
    assert join(split(line)) == line


def test_lexemes_keep_control_sequences_whole() -> None:
    assert lexemes(r"\alpha\{a\\") == {r"\alpha", r"\{", "a", r"\\"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [(r"\in A", r"\in{}A"), (r"\\ a", r"\\a"), ("1.5 cm", "1.5cm"), (r"\alpha 2", r"\alpha2"), (r"\a \b", r"\a\b")],
)
def test_squeeze_keeps_control_words_apart(source: str, expected: str) -> None:
    assert squeeze(source) == expected


TOKEN = re.compile(
    r"""[^\s\\]                                                     # a character
    |\\(?:[A-Za-z]+\*?|[^A-Za-z\s])                                 # a control sequence
    |\\\\\*?(?:\[[^]\s]+\])?                                        # a row break with its gap
    |\\(?:begin|end)\{[A-Za-z]+\*?\}(?:\[[tbclr]\])?                # an environment
    |[-+]*[\d.]+(?:true)?[a-z]{2}(?:plus\S+|minus\S+)?              # a length
    |[pmb@!<>]\{\S*\}|[wW]\{\S*\}\{\S*\}                            # a column
    |\\[A-Za-z]+\*?(?:\[\S*?\])?(?:\{\S*\})+                        # a text, a colour, a fraction's bar
    """,
    re.VERBOSE,
)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300)
def test_every_token_is_of_a_kind_that_is_described(seed: int) -> None:
    line = normalize(respell(normalize(random_formula(Random(seed)), NormalizerParams()), seed), NormalizerParams())
    assert [token for token in split(line) if TOKEN.fullmatch(token) is None] == []


@pytest.mark.skipif(not DATA.exists(), reason="the development data is not here")
def test_tokens_of_real_formulas_are_of_these_kinds_too() -> None:
    normalizer = Normalizer(NormalizerParams())
    odd = []
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        for line in islice(lines, 0, None, 40):
            with suppress(LatexError):
                odd += [t for t in split(normalizer.normalize(json.loads(line)["formula"])) if not TOKEN.fullmatch(t)]
    assert odd == []
