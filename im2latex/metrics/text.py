"""Scores of predicted token strings against reference strings, over all samples, as fractions.

A token is what whitespace separates, as in a normalized formula and in the published definitions; `tokenizer` brings
raw LaTeX into that form. A character is one of the tokens joined by one space, the space included. A missing prediction
is the empty string. It is never `exact`, not even where the reference is empty too, and each score whose denominator is
zero takes its worst value: an empty set of words was not read correctly by anyone.

Knows nothing of images, files or intervals.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from sacrebleu.metrics.bleu import BLEU

from im2latex.metrics.ratios import COUNT, Column, Columns, Score, ratio, share, total
from im2latex.metrics.tokenizer import Tokenizer, tokenized

ORDERS = (1, 2, 3, 4)
"""N-gram lengths of BLEU."""


def text_columns(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, Column]:
    """Count, for each pair, what the text scores are made of; columns of shape (samples,)."""
    counter = BLEU(tokenize="none", smooth_method="none", effective_order=True)
    rows = [_row(counter, ref, hyp) for ref, hyp in zip(references, hypotheses, strict=True)]
    names = [COUNT, "exact", "edits", "ref_tokens", "max_tokens", "character_edits", "ref_characters", "hyp_tokens"]
    names += [f"matched_{n}" for n in ORDERS] + [f"ngrams_{n}" for n in ORDERS] + [f"ref_ngrams_{n}" for n in ORDERS]
    matrix = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    return {name: matrix[:, place] for place, name in enumerate(names)}


def _row(counter: BLEU, reference: str, hypothesis: str) -> list[int]:
    ref, hyp = reference.split(), hypothesis.split()
    ref_line, hyp_line = " ".join(ref), " ".join(hyp)
    grams = counter.sentence_score(hyp_line, [ref_line])
    exact = bool(hyp) and ref == hyp
    edits = 0 if exact else Levenshtein.distance(ref, hyp)
    character_edits = 0 if exact else Levenshtein.distance(ref_line, hyp_line)
    longest = max(len(ref), len(hyp))
    sizes = [1, exact, edits, len(ref), longest, character_edits, len(ref_line), len(hyp)]
    return [*sizes, *grams.counts, *grams.totals, *(max(0, len(ref) - n + 1) for n in ORDERS)]


def bleu(sums: Columns) -> Column:
    """Dataset BLEU-4 without smoothing: 0 as soon as one n-gram length has no match.

    Papineni et al. 2002, as the Moses script multi-bleu computes it and as sacreBLEU does with `tokenize="none"`,
    `smooth_method="none"`.
    """
    return _bleu(sums, [np.full_like(sums[COUNT], True, np.bool_) for _ in ORDERS])


def bleu_of_any_length(sums: Columns) -> Column:
    """`bleu` without the n-gram lengths that no reference has, so that equal formulas of any length have 1.

    The same number as `bleu`, bit for bit, wherever one reference has four tokens. Where none has, `bleu` is 0 whatever
    was predicted. What the predictions have does not count: short ones are not rewarded.
    """
    return _bleu(sums, [sums[f"ref_ngrams_{n}"] > 0 for n in ORDERS])


def _bleu(sums: Columns, orders: Sequence[NDArray[np.bool_]]) -> Column:
    """The geometric mean of the precisions of those n-gram lengths that count, times the brevity penalty."""
    count = np.stack(orders)
    precisions = np.stack([ratio(sums[f"matched_{n}"], sums[f"ngrams_{n}"], empty=0.0) for n in ORDERS])
    some = np.where(count, precisions, 1.0).min(axis=0) > 0
    some &= count.any(axis=0)
    logs = np.log(precisions, out=np.zeros_like(precisions), where=some & count)
    shortness = 1 - ratio(sums["ref_tokens"], sums["hyp_tokens"], empty=0.0)
    mean = logs.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    return np.where(some, np.exp(np.minimum(shortness, 0) + mean), 0.0)


def edit(sums: Columns) -> Column:
    """1 - (sum of token edits) / (sum of the longer lengths); 1 is perfect. As in im2markup (Deng et al. 2017)."""
    return 1 - ratio(sums["edits"], sums["max_tokens"], empty=1.0)


def token_error_rate(sums: Columns) -> Column:
    """(Sum of token edits) / (sum of reference lengths); 0 is perfect, above 1 is possible."""
    return ratio(sums["edits"], sums["ref_tokens"], empty=1.0)


def cer(sums: Columns) -> Column:
    """Character error rate: as `token_error_rate`, over characters of the tokens joined by one space."""
    return ratio(sums["character_edits"], sums["ref_characters"], empty=1.0)


TEXT_SCORES: Mapping[str, Score] = MappingProxyType(
    {"bleu": bleu, "edit": edit, "token_error_rate": token_error_rate, "cer": cer, "exact": share("exact")}
)
"""The published definitions."""


def scores_of(tokenizer: Tokenizer) -> Mapping[str, Score]:
    """The text scores that go with a tokenizer: the published ones with `whitespace`; `latex` has its own BLEU."""
    return {**TEXT_SCORES, "bleu": bleu_of_any_length} if tokenizer == "latex" else TEXT_SCORES


def text_scores(
    references: Sequence[str], hypotheses: Sequence[str], tokenizer: Tokenizer = "whitespace"
) -> dict[str, float]:
    """Compute every text score of a whole set."""
    cut = [[tokenized(formula, tokenizer) for formula in side] for side in (references, hypotheses)]
    sums = total(text_columns(*cut))
    return {name: float(score(sums)[0]) for name, score in scores_of(tokenizer).items()}
