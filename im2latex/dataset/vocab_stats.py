"""Vocabulary statistics: out-of-vocabulary rates, rare tokens, and the effect of another `min_frequency`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary

_MAX_RARE = 20
_MIN_FREQUENCIES = (1, 2, 3, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class SplitStats:
    """Counts of one split: tokens, their ids, formulas, and how many of them are out of vocabulary.

    Each symbol of a spelled token counts as a token, here and in `VocabularyStats`.
    """

    tokens: int
    ids: int
    unknown_tokens: int
    formulas: int
    formulas_with_unknown: int


@dataclass(frozen=True, slots=True)
class VocabularyStats:
    """Statistics of a vocabulary over formulas.

    `unknown` and `rare` map a token to its count and to an example formula; unknown tokens by falling count, rare ones
    by rising count. `by_min_frequency` maps a value of `min_frequency` to the number of tokens of a vocabulary fitted
    on these formulas, without subwords, and to the share of formulas that it would drop for an unknown token.
    """

    splits: Mapping[str, SplitStats]
    unknown: Mapping[str, tuple[int, str]]
    rare: Mapping[str, tuple[int, str]]
    by_min_frequency: Mapping[int, tuple[int, float]]


def vocabulary_stats(formulas: Iterable[tuple[str, Sequence[str]]], vocabulary: Vocabulary) -> VocabularyStats:
    """Compute the statistics of (split, tokens) rows, after token merges and symbol fallback."""
    encoded = [(split, tokens, vocabulary.symbols(tokens)) for split, tokens in formulas]
    rows = [(split, symbols) for split, _, symbols in encoded]
    known = set(vocabulary.tokens)
    counts: Counter[str] = Counter()
    example: dict[str, str] = {}
    for _, tokens, symbols in encoded:
        counts.update(symbols)
        for symbol in symbols:
            example.setdefault(symbol, " ".join(tokens))
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    unknown = [token for token in ranked if token not in known]
    rare = [token for token in reversed(ranked) if token in known][:_MAX_RARE]
    return VocabularyStats(
        {split: _split_stats(split, rows, vocabulary) for split in dict.fromkeys(split for split, _ in rows)},
        {token: (counts[token], example[token]) for token in unknown},
        {token: (counts[token], example[token]) for token in rare},
        {least: _at_min_frequency(rows, counts, least) for least in _MIN_FREQUENCIES},
    )


def _split_stats(split: str, rows: Sequence[tuple[str, Sequence[str]]], vocabulary: Vocabulary) -> SplitStats:
    mine = [tokens for name, tokens in rows if name == split]
    ids = [vocabulary.encode(tokens) for tokens in mine]
    lost = [row.count(vocabulary.unk) for row in ids]
    return SplitStats(sum(map(len, mine)), sum(map(len, ids)), sum(lost), len(mine), sum(count > 0 for count in lost))


def _at_min_frequency(rows: Sequence[tuple[str, Sequence[str]]], counts: Counter[str], least: int) -> tuple[int, float]:
    rare = {token for token, count in counts.items() if count < least}
    dropped = sum(not rare.isdisjoint(tokens) for _, tokens in rows)
    return len(counts) - len(rare) + len(SPECIALS), dropped / max(1, len(rows))


def vocabulary_diff(old: Vocabulary, new: Vocabulary) -> dict[str, list[str]]:
    """Return the tokens added, removed, and moved to another id, in the order of the new ids."""
    before = {token: index for index, token in enumerate(old.tokens)}
    after = {token: index for index, token in enumerate(new.tokens)}
    return {
        "added": [token for token in after if token not in before],
        "removed": [token for token in before if token not in after],
        "moved": [token for token in after if token in before and before[token] != after[token]],
    }
