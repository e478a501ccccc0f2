"""Additional labels for rare symbols."""

import random
from collections import Counter
from collections.abc import Sequence

from im2latex.latex.grammar.symbol_examples import symbol_example
from im2latex.latex.normalizer import NormalizerParams
from im2latex.latex.parser.symbols import known_symbols
from recipes.dataset.candidates import labels_of
from recipes.dataset.config import CoverageParams
from recipes.dataset.held_out import key
from recipes.dataset.selection import Candidate

TRIES = 2
"""Uses made for each label wanted; some come out alike."""


def lacking(counts: Counter[str], params: CoverageParams, merges: dict[str, str]) -> dict[str, int]:
    """How many more labels each symbol needs: whatever is frequent enough for the vocabulary, or a known symbol."""
    symbols = {token for token, count in counts.items() if count >= params.min_frequency} | known_symbols()
    wanted = sorted(symbols - set(params.skip) - merges.keys())
    return {symbol: params.least - counts[symbol] for symbol in wanted if counts[symbol] < params.least}


def uses(
    symbols: Sequence[tuple[str, int]], seed: int, normalizer: NormalizerParams, held_out: frozenset[int]
) -> dict[str, list[Candidate]]:
    """Distinct labels for each symbol, as many as it lacks if so many are found; none is held out."""
    found: dict[str, list[Candidate]] = {}
    for symbol, count in symbols:
        generator = random.Random(f"{seed}/coverage/{symbol}")
        texts = [text for text in (symbol_example(symbol, generator) for _ in range(TRIES * count)) if text is not None]
        labels = (label for label in labels_of(texts, normalizer) if label is not None)
        good = (label for label in labels if symbol in label.split() and key(label) not in held_out)
        found[symbol] = [Candidate(label, f"coverage:{symbol}", None) for label in list(dict.fromkeys(good))[:count]]
    return found
