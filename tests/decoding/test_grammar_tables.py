from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding import grammar_compiler, grammar_tables
from im2latex.decoding.grammar_tables import GrammarTables, load_grammar_tables

VOCABULARY = Vocabulary([*SPECIALS, "x", "^", "{", "}", r"\\frac"])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "im2latex" / "grammar"


def assert_equal(one: GrammarTables, other: GrammarTables) -> None:
    for field in fields(GrammarTables):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_tables_from_the_cache_equal_new_ones(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = load_grammar_tables(VOCABULARY)
    monkeypatch.setattr(grammar_compiler, "build_grammar_tables", lambda _: pytest.fail("built again"))
    assert_equal(load_grammar_tables(VOCABULARY), built)
    assert len(list(cache.iterdir())) == 1


def test_another_vocabulary_has_tables_of_its_own(cache: Path) -> None:
    load_grammar_tables(VOCABULARY)
    load_grammar_tables(Vocabulary([*VOCABULARY.tokens, "y"]))
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut"])
def test_damaged_tables_are_built_again(cache: Path, content: bytes) -> None:
    built = load_grammar_tables(VOCABULARY)
    (path,) = cache.iterdir()
    path.write_bytes(content)
    assert_equal(load_grammar_tables(VOCABULARY), built)
    assert path.read_bytes() != content


def test_changed_code_builds_new_tables(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_grammar_tables(VOCABULARY)
    monkeypatch.setattr(grammar_tables, "_SOURCES", ("errors.py",))
    load_grammar_tables(VOCABULARY)
    assert len(list(cache.iterdir())) == 2
    assert grammar_compiler.build_grammar_tables(VOCABULARY).levels >= 1
