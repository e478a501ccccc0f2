from im2latex.dataset.vocab_stats import vocabulary_diff, vocabulary_stats
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary

ROWS = [("train", ["a", "b"]), ("train", ["a", "a"]), ("test", ["c", "a"]), ("test", ["a"])]


def test_unknown_tokens_are_counted_by_split_with_an_example() -> None:
    found = vocabulary_stats(ROWS, Vocabulary([*SPECIALS, "a", "b"]))
    assert (found.splits["train"].unknown_tokens, found.splits["train"].formulas_with_unknown) == (0, 0)
    test = found.splits["test"]
    assert (test.tokens, test.unknown_tokens, test.formulas, test.formulas_with_unknown) == (3, 1, 2, 1)
    assert found.unknown == {"c": (1, "c a")}
    assert next(iter(found.rare.items())) == ("b", (1, "a b"))


def test_what_another_least_count_would_cost() -> None:
    found = vocabulary_stats(ROWS, Vocabulary([*SPECIALS, "a", "b"]))
    assert found.by_min_frequency[1] == (7, 0.0)
    assert found.by_min_frequency[2] == (5, 0.5)


def test_pieces_and_merges() -> None:
    vocabulary = Vocabulary([*SPECIALS, "a", "b", "a b"], merges={"c": "b"})
    found = vocabulary_stats(ROWS, vocabulary)
    assert {split: (part.tokens, part.ids) for split, part in found.splits.items()} == {"train": (4, 3), "test": (3, 3)}
    assert found.unknown == {}
    assert found.rare == {"b": (2, "a b"), "a": (5, "a b")}, "tokens, and no pieces"
    assert vocabulary_diff(Vocabulary([*SPECIALS, "a", "b"]), vocabulary)["added"] == ["a b"]


def test_symbols_of_what_is_spelled_count() -> None:
    rows = [("train", ["x", r"\text{ab}"]), ("train", [r"\text{x!}"])]
    found = vocabulary_stats(rows, Vocabulary([*SPECIALS, "x", "a", "b", "«\\text{", "}»", r"\text{ab}"]))
    assert found.unknown == {"!": (1, r"\text{x!}")}
    part = found.splits["train"]
    assert (part.tokens, part.ids, part.unknown_tokens, part.formulas_with_unknown) == (6, 6, 1, 1)


def test_difference() -> None:
    old, new = Vocabulary([*SPECIALS, "a", "b", "c"]), Vocabulary([*SPECIALS, "a", "c", "d"])
    assert vocabulary_diff(old, new) == {"added": ["d"], "removed": ["b"], "moved": ["c"]}
