"""Fitted in one order, read back the same, and never silent about an unknown token."""

from pathlib import Path

import pytest

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary, VocabularyParams
from im2latex.errors import ArtifactError, ParamsError

FORMULAS = [["x", "+", "y"], ["x", "^", "{", "2", "}"], ["x", "<unk>"]]


def fit(min_count: int = 1, max_size: int = 100) -> Vocabulary:
    return Vocabulary.fit(FORMULAS, VocabularyParams(min_count=min_count, max_size=max_size))


def test_most_frequent_first_ties_by_code_point() -> None:
    assert fit().tokens == ["<pad>", "<bos>", "<eos>", "<unk>", "x", "+", "2", "^", "y", "{", "}"]


def test_limits() -> None:
    assert fit(min_count=2).tokens[4:] == ["x"]
    assert len(fit(max_size=8)) == 8


def test_lists_and_a_start(tmp_path: Path) -> None:
    Vocabulary([*SPECIALS, "z", "x"]).save(tmp_path / "start.json")
    params = VocabularyParams(
        min_count=1, max_size=9, include=("\\foo", "x"), exclude=("^",), start=str(tmp_path / "start.json")
    )
    assert Vocabulary.fit(FORMULAS, params).tokens[4:] == ["z", "x", "\\foo", "+", "2"]
    with pytest.raises(ParamsError, match="tokens are kept in any case"):
        Vocabulary.fit(FORMULAS, VocabularyParams(min_count=1, max_size=8, include=tuple("abcdef")))


def test_round_trip(tmp_path: Path) -> None:
    vocabulary = fit()
    vocabulary.save(tmp_path / "v.json")
    loaded = Vocabulary.load(tmp_path / "v.json")
    assert loaded.tokens == vocabulary.tokens
    assert loaded.counts["x"] == 3
    assert loaded.decode([1, *loaded.encode(["x", "^", "2"]), 2, 5, 0]) == ["x", "^", "2"]


def test_unknown_tokens_show() -> None:
    assert fit().decode(fit().encode(["\\foo"])) == ["<unk>"]


def test_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    with pytest.raises(ArtifactError, match="no vocabulary; run `dvc repro tokenize`"):
        Vocabulary.load(path)
    path.write_text('{"tokens": 3}')
    with pytest.raises(ArtifactError, match="not a vocabulary file"):
        Vocabulary.load(path)
    with pytest.raises(ArtifactError, match="a vocabulary starts with <pad>"):
        Vocabulary(["x"])
