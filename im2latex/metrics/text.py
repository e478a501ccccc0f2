"""Text metrics: predicted tokens against reference tokens, over all samples, as fractions.

Tokens are separated by whitespace, as in a normalized formula and in the published definitions; `tokenize` brings raw
LaTeX into that form. Characters are those of the tokens joined by one space, the space included. A missing prediction
is the empty string. It is never `exact`, not even where the reference is empty too, and a metric whose denominator is
zero takes its worst value.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from sacrebleu.metrics.bleu import BLEU

from im2latex.latex.tokens import join
from im2latex.metrics.bootstrap import COUNT, Column, Columns, ratio
from im2latex.types import Tokenizer

ORDERS = (1, 2, 3, 4)
"""N-gram lengths of BLEU."""


def tokenize(formula: str, tokenizer: Tokenizer) -> str:
    """The tokens of a formula with one space between them."""
    from im2latex.latex.parser.lexer import lex  # pylatexenc is not needed to import the command line

    return join(lex(formula) if tokenizer == "latex" else formula.split())


def token_counts(reference: str, hypothesis: str) -> dict[str, float]:
    """Count, for one pair of token strings, what the text metrics are computed from."""
    ref, hyp = reference.split(), hypothesis.split()
    ref_line, hyp_line = " ".join(ref), " ".join(hyp)
    ngrams = _bleu_counter().sentence_score(hyp_line, [ref_line])
    exact = bool(hyp) and ref == hyp
    counts: dict[str, float] = {
        COUNT: 1,
        "exact": exact,
        "edits": 0 if exact else Levenshtein.distance(ref, hyp),
        "ref_tokens": len(ref),
        "max_tokens": max(len(ref), len(hyp)),
        "character_edits": 0 if exact else Levenshtein.distance(ref_line, hyp_line),
        "ref_characters": len(ref_line),
        "hyp_tokens": len(hyp),
    }
    for order, matched, predicted in zip(ORDERS, ngrams.counts, ngrams.totals, strict=True):
        counts[f"matched_{order}"] = matched
        counts[f"ngrams_{order}"] = predicted
        counts[f"ref_ngrams_{order}"] = max(0, len(ref) - order + 1)
    return counts


@cache
def _bleu_counter() -> BLEU:
    return BLEU(tokenize="none", smooth_method="none", effective_order=True)


def text_columns(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, Column]:
    """`token_counts` of all pairs as columns of shape (samples,)."""
    rows = [token_counts(*pair) for pair in zip(references, hypotheses, strict=True)]
    names = token_counts("", "")
    return {name: np.array([row[name] for row in rows], np.float64) for name in names}


def bleu(sums: Columns) -> Column:
    """Corpus BLEU-4 without smoothing: 0 as soon as one n-gram length has no match.

    Papineni et al. 2002, as the Moses script multi-bleu computes it and as sacreBLEU does with `tokenize="none"`,
    `smooth_method="none"`.
    """
    return _bleu(sums, [np.full_like(sums[COUNT], True, np.bool_) for _ in ORDERS])


def bleu_any_length(sums: Columns) -> Column:
    """`bleu` without the n-gram lengths that no reference has, so that equal formulas of any length score 1.

    The same number as `bleu`, bit for bit, wherever one reference has four tokens. Where none has, `bleu` is 0 whatever
    was predicted. The lengths of the predictions do not matter: short ones are not rewarded.
    """
    return _bleu(sums, [sums[f"ref_ngrams_{n}"] > 0 for n in ORDERS])


def _bleu(sums: Columns, orders: Sequence[NDArray[np.bool_]]) -> Column:
    """The geometric mean of the precisions of the n-gram lengths that count, times the brevity penalty."""
    count = np.stack(orders)
    precisions = np.stack([ratio(sums[f"matched_{n}"], sums[f"ngrams_{n}"], empty=0.0) for n in ORDERS])
    some = np.where(count, precisions, 1.0).min(axis=0) > 0
    some &= count.any(axis=0)
    logs = np.log(precisions, out=np.zeros_like(precisions), where=some & count)
    shortness = 1 - ratio(sums["ref_tokens"], sums["hyp_tokens"], empty=0.0)
    average = logs.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    return np.where(some, np.exp(np.minimum(shortness, 0) + average), 0.0)


def edit_similarity(sums: Columns) -> Column:
    """1 - (sum of token edits) / (sum of the longer lengths); 1 is perfect. As in im2markup (Deng et al. 2017)."""
    return 1 - ratio(sums["edits"], sums["max_tokens"], empty=1.0)


def token_error_rate(sums: Columns) -> Column:
    """(Sum of token edits) / (sum of reference lengths); 0 is perfect, above 1 is possible."""
    return ratio(sums["edits"], sums["ref_tokens"], empty=1.0)


def character_error_rate(sums: Columns) -> Column:
    """(Sum of character edits) / (sum of reference characters), over tokens joined by one space; 0 is perfect."""
    return ratio(sums["character_edits"], sums["ref_characters"], empty=1.0)
