"""Vocabularies are fitted in one order, saved and loaded unchanged, and encode unknown tokens as `<unk>`."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import im2latex
from im2latex.dataset.vocabulary import (
    SPECIALS,
    Vocabulary,
    VocabularyParams,
    apply_merges,
    count_merges,
    resolve_merges,
)
from im2latex.errors import ArtifactError, ParamsError

RELEASED = Path(im2latex.__file__).with_name("pretrained") / "checkpoint.json"
FORMULAS = [["x", "+", "y"], ["x", "^", "{", "2", "}"], ["x", "<unk>"]]


def fit(min_frequency: int = 1, max_size: int = 100) -> Vocabulary:
    return Vocabulary.fit(FORMULAS, VocabularyParams(min_frequency=min_frequency, max_size=max_size))


def test_most_frequent_first_ties_by_code_point() -> None:
    assert fit().tokens == ["<pad>", "<bos>", "<eos>", "<unk>", "x", "+", "2", "^", "y", "{", "}"]


def test_limits() -> None:
    assert fit(min_frequency=2).tokens[4:] == ["x"]


@pytest.mark.parametrize(("formulas", "tokens"), [(999, ["x", "y"]), (1000, ["x"])])
def test_a_rare_token_of_a_small_corpus_gets_an_id_by_default(formulas: int, tokens: list[str]) -> None:
    rows = [["x"]] * (formulas - 1) + [["y"]]
    assert Vocabulary.fit(rows, VocabularyParams()).tokens[4:] == tokens
    assert len(fit(max_size=8)) == 8


def test_lists_and_a_start(tmp_path: Path) -> None:
    Vocabulary([*SPECIALS, "z", "x"]).save(tmp_path / "start.json")
    params = VocabularyParams(
        min_frequency=1, max_size=9, include=("\\foo", "x"), exclude=("^",), init_from=str(tmp_path / "start.json")
    )
    assert Vocabulary.fit(FORMULAS, params).tokens[4:] == ["z", "x", "\\foo", "+", "2"]
    with pytest.raises(ParamsError, match="tokens are kept in any case"):
        Vocabulary.fit(FORMULAS, VocabularyParams(min_frequency=1, max_size=8, include=tuple("abcdef")))


def test_pieces_fill_what_is_left() -> None:
    params = VocabularyParams(type="bpe", min_frequency=2, max_size=9)
    rows = [["a", "b", "c"], ["a", "b", "d"], ["a", "b"], ["c", "a"]]
    vocabulary = Vocabulary.fit(rows, params)
    assert vocabulary.tokens[4:] == ["a", "b", "c", "a b"]
    assert vocabulary.counts == {"a": 1, "b": 0, "c": 2, "a b": 3}, "as often as the entry is in the labels"
    assert vocabulary.encode(["c", "a", "b", "d", "b"]) == [6, 7, 3, 5]
    assert vocabulary.decode([1, 6, 7, 3, 2, 7]) == ["c", "a", "b", "<unk>"]
    small = Vocabulary.fit(rows, VocabularyParams(type="bpe", min_frequency=1, max_size=8))
    assert (len(small), small.subwords) == (8, frozenset()), "tokens come before pieces"


def test_a_piece_can_be_included_or_excluded() -> None:
    rows = [["a", "b", "c"]] * 3
    params = VocabularyParams(type="bpe", min_frequency=2, max_size=20, include=("c a",), exclude=("a b",))
    assert Vocabulary.fit(rows, params).tokens[4:] == ["c a", "a", "b", "c", "a b c"]


@pytest.mark.parametrize("kind", ["word_level", "bpe"])
def test_initial_subwords_keep_its_ids(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    old = Vocabulary.fit(
        [["a", "b"]] * 3, VocabularyParams(type="bpe", min_frequency=2, max_size=20, token_merges={"z": "a"})
    )
    old.save(path)
    values = {"type": kind, "min_frequency": 2, "max_size": 20, "init_from": str(path), "token_merges": {"y": "z c"}}
    rows = [["z", "b", "c"]] * 3 + [["y"]] * 2
    new = Vocabulary.fit(rows, VocabularyParams.model_validate(values))
    assert new.tokens[: len(old)] == old.tokens
    assert new.merges == {"z": "a", "y": "a c"}
    assert new.tokens[len(old) :] == ["c", "a b c", "a c"][: 1 if kind == "word_level" else 3]
    assert [new.decode(new.encode(row)) for row in (rows[0], rows[-1])] == [["a", "b", "c"], ["a", "c"]]


def test_merges_come_before_counting(tmp_path: Path) -> None:
    params = VocabularyParams(
        min_frequency=2, max_size=20, token_merges={"\\leqq": "\\leq", "\\leq": "\\le", "\\neq": "\\not ="}
    )
    vocabulary = Vocabulary.fit([["\\leqq", "\\leq"], ["\\neq", "="]], params)
    assert vocabulary.counts == {"=": 2, "\\le": 2}
    vocabulary.save(tmp_path / "v.json")
    loaded = Vocabulary.load(tmp_path / "v.json")
    assert loaded.merges == {"\\leqq": "\\le", "\\leq": "\\le", "\\neq": "\\not ="}
    assert loaded.decode(loaded.encode(["\\leq", "\\neq"])) == ["\\le", "<unk>", "="]


BOXES = [["x", r"\text{if}", r"\hspace", "{", "1cm", "}"], [r"\text{fi~$x$}", "x", "-1cm"]] * 2


def test_wordings_are_spelled() -> None:
    vocabulary = Vocabulary.fit(BOXES, VocabularyParams(min_frequency=2, max_size=100))
    assert vocabulary.symbol_fallback
    assert not {r"\text{if}", "1cm"} & {*vocabulary.tokens}
    assert vocabulary.counts["x"] == 6, "in a box and outside"
    for tokens in (*BOXES, [r"\text{}"], [r"\text{x~if~x}", "11-1cm"]):
        ids = vocabulary.encode(tokens)
        assert vocabulary.unk not in ids
        assert vocabulary.decode(ids) == tokens
    assert vocabulary.decode(vocabulary.encode([r"\text{iff?}", "y"])) == [r"\text{iff<unk>}", "<unk>"]
    assert vocabulary.spans(vocabulary.encode(["x", r"\text{if}", "x"])) == [
        ("x", range(1)),
        (r"\text{if}", range(1, 5)),
        ("x", range(5, 6)),
    ]


def test_included_wordings_are_entries_and_excluded_symbols_are_unknown() -> None:
    params = VocabularyParams(min_frequency=2, max_size=100, include=(r"\text{if}",), exclude=("-", r"\text{fi~$x$}"))
    vocabulary = Vocabulary.fit(BOXES, params)
    assert len(vocabulary.encode([r"\text{if}"])) == 1
    assert vocabulary.decode(vocabulary.encode(["-1cm", r"\text{fi~$x$}"])) == ["<unk>1cm", r"\text{fi~$x$}"]


def test_the_initial_vocabulary_decides_the_symbol_fallback(tmp_path: Path) -> None:
    """And its ids stay, whole wordings among them."""
    plain = Vocabulary.fit(BOXES, VocabularyParams(min_frequency=2, max_size=100, symbol_fallback=False))
    assert not plain.symbol_fallback
    assert plain.encode(BOXES[1]) == [plain.tokens.index(token) for token in BOXES[1]]
    assert plain.encode([r"\text{x}"]) == [plain.unk]
    plain.save(tmp_path / "v.json")
    start = str(tmp_path / "v.json")
    spelling = Vocabulary.fit(
        [*BOXES, [r"\text{~f}"]] * 2, VocabularyParams(min_frequency=2, max_size=100, init_from=start)
    )
    assert spelling.tokens[: len(plain)] == plain.tokens
    assert spelling.encode(BOXES[1]) == plain.encode(BOXES[1])
    assert spelling.decode(spelling.encode([r"\text{f~f}"])) == [r"\text{f~f}"]
    spelling.save(tmp_path / "v.json")
    after = Vocabulary.fit(
        BOXES, VocabularyParams(min_frequency=2, max_size=100, init_from=start, symbol_fallback=False)
    )
    assert after.encode([r"\text{f~f}"]) == spelling.encode([r"\text{f~f}"])


def test_the_released_vocabulary_spells_a_wording_that_it_does_not_hold() -> None:
    content = json.loads(RELEASED.read_text(encoding="utf-8"))["vocabulary"]
    vocabulary = Vocabulary(content["tokens"], content["counts"], content.get("merges"))
    assert vocabulary.symbol_fallback
    known = [token for token in vocabulary.tokens[4:] if " " not in token and token not in vocabulary.merges]
    assert [vocabulary.tokens[index] for index in vocabulary.encode(known)] == known
    assert vocabulary.decode(vocabulary.encode([r"\text{never~seen}"])) == [r"\text{never~seen}"]


def test_in_a_vocabulary_from_before_spelling_a_new_wording_is_one_unknown_token() -> None:
    vocabulary = Vocabulary([*SPECIALS, "x", r"\text{if}"])
    assert not vocabulary.symbol_fallback
    assert vocabulary.encode([r"\text{never~seen~$x$}"]) == [vocabulary.unk]


def test_pieces_hold_whole_symbols() -> None:
    rows = [["x", r"\text{if}", "x"], [r"\mbox{iff}"]] * 3
    vocabulary = Vocabulary.fit(rows, VocabularyParams(type="bpe", min_frequency=3, max_size=100))
    assert any("\\text{ i f" in piece for piece in vocabulary.subwords)
    for tokens in (*rows, [r"\text{ifif}", r"\mbox{f}"]):
        assert vocabulary.decode(vocabulary.encode(tokens)) == tokens


def test_a_cycle_of_merges_is_refused_with_the_params(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="a -> b -> a is a cycle"):
        VocabularyParams(min_frequency=1, max_size=20, token_merges={"a": "b", "b": "a"})
    Vocabulary(SPECIALS, merges={"a": "b"}).save(tmp_path / "v.json")
    params = VocabularyParams(min_frequency=1, max_size=20, token_merges={"b": "a"}, init_from=str(tmp_path / "v.json"))
    with pytest.raises(ParamsError, match="is a cycle"):
        Vocabulary.fit([], params)


def test_the_file_of_a_plain_vocabulary_holds_tokens_and_counts_alone(tmp_path: Path) -> None:
    fit(min_frequency=2).save(tmp_path / "v.json")
    assert json.loads((tmp_path / "v.json").read_text()) == {"tokens": [*SPECIALS, "x"], "counts": {"x": 3}}


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
    path.write_text(json.dumps({"tokens": SPECIALS, "counts": {}, "merges": {"a": 3}}))
    with pytest.raises(ArtifactError, match="not a vocabulary file"):
        Vocabulary.load(path)
    with pytest.raises(ArtifactError, match="a vocabulary starts with <pad>"):
        Vocabulary(["x"])


TOKENS = st.sampled_from(["a", "b", "c", "d", "\\e"])
WRITTEN = st.lists(TOKENS, min_size=1, max_size=3).map(" ".join)


def test_chains_are_followed_to_their_end() -> None:
    assert resolve_merges({"\\leqq": "\\leq", "\\leq": "\\le", "\\neq": "\\not ="}) == {
        "\\leqq": "\\le",
        "\\leq": "\\le",
        "\\neq": "\\not =",
    }


def test_several_tokens_for_one() -> None:
    assert apply_merges(["a", "\\neq", "\\leq", "\\leqx"], {"\\neq": "\\not =", "\\leq": "\\le"}) == [
        "a",
        "\\not",
        "=",
        "\\le",
        "\\leqx",
    ]


@given(merges=st.dictionaries(TOKENS, WRITTEN, max_size=4), tokens=st.lists(TOKENS, max_size=8))
def test_merging_twice_is_merging_once(merges: dict[str, str], tokens: list[str]) -> None:
    try:
        settled = resolve_merges(merges)
    except ParamsError:
        assume(False)
    assert resolve_merges(settled) == settled
    once = apply_merges(tokens, settled)
    assert apply_merges(once, settled) == once
    assert not set(once) & set(merges)


@pytest.mark.parametrize(
    ("merges", "cycle"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "x a"}, "a -> a"),
        ({"z": "a", "a": "b", "b": "c a"}, "a -> b -> a"),
    ],
)
def test_a_cycle_is_named(merges: dict[str, str], cycle: str) -> None:
    with pytest.raises(ParamsError, match=f"merges: {cycle} is a cycle and would never end; remove one"):
        resolve_merges(merges)


@pytest.mark.parametrize(("token", "written"), [("a b", "c"), ("", "c"), ("a", ""), ("a", "b  c"), ("\beta", "b")])
def test_what_is_no_token_is_refused(token: str, written: str) -> None:
    with pytest.raises(ParamsError, match="must map one token to one or more"):
        resolve_merges({token: written})


def test_tally() -> None:
    assert count_merges([["a", "b", "a"], ["a"]], {"a": "x", "z": "y"}) == {"a": 3, "z": 0}


def test_the_vocabulary_of_a_checkpoint_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_text('{"vocabulary": {"tokens": ["<pad>", "<bos>", "<eos>", "<unk>", "x"], "counts": [0, 0, 0, 0, 3]}}')
    assert Vocabulary.load(path).tokens == ["<pad>", "<bos>", "<eos>", "<unk>", "x"]
