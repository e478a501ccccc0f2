"""How well a vocabulary covers formulas: what it does not know, what is rare, what a change would cost."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary

_MAX_RARE = 20
_MIN_COUNTS = (1, 2, 3, 5, 10, 20, 50, 100)


@dataclass(frozen=True, slots=True)
class SplitCoverage:
    """Of one split: tokens, the ids they make, and formulas, and how many of them hold something unknown.

    Of a token that is spelled each symbol counts as a token, here and in `Coverage`.
    """

    tokens: int
    ids: int
    unknown_tokens: int
    formulas: int
    formulas_with_unknown: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """`unknown` and `rare` map a token to its count and a formula that holds it, the most frequent first and last.

    `by_min_count` maps a least count to the number of tokens that the vocabulary would have, without pieces, and to
    the share of the formulas that would be dropped for an unknown token, were it fitted on these formulas.
    """

    splits: Mapping[str, SplitCoverage]
    unknown: Mapping[str, tuple[int, str]]
    rare: Mapping[str, tuple[int, str]]
    by_min_count: Mapping[int, tuple[int, float]]


def cover(formulas: Iterable[tuple[str, Sequence[str]]], vocabulary: Vocabulary) -> Coverage:
    """Count over (split, tokens) rows, after the vocabulary's synonyms are replaced and its spelling is done."""
    given = [(split, tokens, vocabulary.symbols(tokens)) for split, tokens in formulas]
    rows = [(split, symbols) for split, _, symbols in given]
    known = set(vocabulary.tokens)
    counts: Counter[str] = Counter()
    example: dict[str, str] = {}
    for _, tokens, symbols in given:
        counts.update(symbols)
        for symbol in symbols:
            example.setdefault(symbol, " ".join(tokens))
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    unknown = [token for token in ranked if token not in known]
    rare = [token for token in reversed(ranked) if token in known][:_MAX_RARE]
    return Coverage(
        {split: _of_split(split, rows, vocabulary) for split in dict.fromkeys(split for split, _ in rows)},
        {token: (counts[token], example[token]) for token in unknown},
        {token: (counts[token], example[token]) for token in rare},
        {least: _cost(rows, counts, least) for least in _MIN_COUNTS},
    )


def _of_split(split: str, rows: Sequence[tuple[str, Sequence[str]]], vocabulary: Vocabulary) -> SplitCoverage:
    mine = [tokens for name, tokens in rows if name == split]
    ids = [vocabulary.encode(tokens) for tokens in mine]
    lost = [row.count(vocabulary.unk) for row in ids]
    return SplitCoverage(
        sum(map(len, mine)), sum(map(len, ids)), sum(lost), len(mine), sum(count > 0 for count in lost)
    )


def _cost(rows: Sequence[tuple[str, Sequence[str]]], counts: Counter[str], least: int) -> tuple[int, float]:
    rare = {token for token, count in counts.items() if count < least}
    dropped = sum(not rare.isdisjoint(tokens) for _, tokens in rows)
    return len(counts) - len(rare) + len(SPECIALS), dropped / max(1, len(rows))


def difference(old: Vocabulary, new: Vocabulary) -> dict[str, list[str]]:
    """Tokens added and removed, and those whose id changed, in the order of the new ids."""
    before = {token: index for index, token in enumerate(old.tokens)}
    after = {token: index for index, token in enumerate(new.tokens)}
    return {
        "added": [token for token in after if token not in before],
        "removed": [token for token in before if token not in after],
        "moved": [token for token in after if token in before and before[token] != after[token]],
    }
