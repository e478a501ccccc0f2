"""`tokenizers` with tokenizer.json encodes and decodes like the vocabulary."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from im2latex.dataset.hf_tokenizer import save_tokenizer, tokenizer_path
from im2latex.dataset.vocabulary import SPECIALS, UNK, Vocabulary, VocabularyParams, apply_merges, count_merges
from im2latex.latex.grammar.generator import generate
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.spelling import join
from im2latex.latex.tokens import split
from tests.latex.test_spelling import formula_with_boxes

MERGES = {"\\ge": "\\geq", "\\ne": "\\not =", "\\to": "\\rightarrow", "\\in": "\\ni"}
ODD = ["\\in", "\\int", "[", "]", "(?:", "|", "\\\\[2pt]", "\\text{a|b}", "é", "ﬁ", "𝔸", "#", "$", "^", "-"]


@pytest.fixture(scope="module")
def formulas() -> list[list[str]]:
    """Two thousand and more, the last half of them unseen by the vocabularies."""
    normalizer = Normalizer(NormalizerParams())
    return [split(normalizer.normalize(formula)) for formula in generate(2400, 11)]


def fit(formulas: list[list[str]], kind: str, merges: dict[str, str], spell: bool = True) -> Vocabulary:
    values = {"type": kind, "min_frequency": 3, "max_size": 600, "token_merges": merges, "exclude": ("7", "\\psi", "w")}
    values |= {"symbol_fallback": spell, "include": ("\\text{or}", "1em")}
    return Vocabulary.fit(formulas[: len(formulas) // 2], VocabularyParams.model_validate(values))


def saved(vocabulary: Vocabulary, folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    save_tokenizer(vocabulary, path)
    return Tokenizer.from_file(str(path))


@pytest.mark.parametrize("spell", [True, False])
@pytest.mark.parametrize("merges", [{}, MERGES], ids=["plain", "merges"])
@pytest.mark.parametrize("kind", ["word_level", "bpe"])
def test_ids_are_ours_and_give_back_the_formula(
    formulas: list[list[str]], kind: str, merges: dict[str, str], spell: bool, tmp_path: Path
) -> None:
    vocabulary = fit(formulas, kind, merges, spell)
    tokenizer = saved(vocabulary, tmp_path)
    known, unknown = set(vocabulary.tokens), 0
    assert 0 not in count_merges(formulas, merges).values()
    assert (len(vocabulary.subwords) > 200) == (kind == "bpe")
    for tokens in formulas:
        ids = vocabulary.encode(tokens)
        assert tokenizer.encode(" ".join(tokens)).ids == ids
        expected = join(symbol if symbol in known else UNK for symbol in vocabulary.symbols(tokens))
        assert vocabulary.decode(ids) == expected
        assert split(tokenizer.decode(ids, skip_special_tokens=False)) == expected
        unknown += vocabulary.unk in ids
        assert vocabulary.unk in ids or expected == apply_merges(tokens, merges)
    assert unknown > 100, "so that unknown tokens were tried too"


@given(seed=st.integers(0, 2**32))
def test_any_tokens_at_all(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    drawn = random.Random(seed)
    rows = [drawn.choices(ODD, k=drawn.randrange(1, 9)) for _ in range(12)]
    params = VocabularyParams(type="bpe", min_frequency=2, max_size=60, token_merges={"|": "\\mid [", "[": "("})
    vocabulary = Vocabulary.fit(rows[:6], params)
    tokenizer = saved(vocabulary, tmp_path_factory.mktemp("any", numbered=True))
    for tokens in rows:
        assert tokenizer.encode(" ".join(tokens)).ids == vocabulary.encode(tokens)


@given(formulas=st.lists(formula_with_boxes(), min_size=2, max_size=8), kind=st.sampled_from(["word_level", "bpe"]))
def test_boxes_and_lengths(formulas: list[list[str]], kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    params = VocabularyParams.model_validate(
        {"type": kind, "min_frequency": 1, "max_size": 400, "include": formulas[0][:1]}
    )
    vocabulary = Vocabulary.fit(formulas, params)
    tokenizer = saved(vocabulary, tmp_path_factory.mktemp("boxes", numbered=True))
    for tokens in formulas:
        ids = vocabulary.encode(tokens)
        assert vocabulary.decode(ids) == tokens
        assert tokenizer.encode(" ".join(tokens)).ids == ids
        assert tokenizer.decode(ids) == " ".join(tokens)


def test_special_tokens_have_their_ids(tmp_path: Path) -> None:
    tokenizer = saved(Vocabulary([*SPECIALS, "x"]), tmp_path)
    assert [tokenizer.token_to_id(token) for token in (*SPECIALS, "x")] == [0, 1, 2, 3, 4]
    assert tokenizer.decode([1, 4, 2, 0]) == "x"


def test_each_vocabulary_has_a_file_of_its_own() -> None:
    assert tokenizer_path(Path("a/vocabulary.json")) == Path("a/tokenizer.json")
    assert tokenizer_path(Path("a/v.json")) == Path("a/v.tokenizer.json")
