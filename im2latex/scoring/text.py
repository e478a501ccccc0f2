"""Scores of predicted token strings against reference strings, over all samples, as fractions.

A token is what whitespace separates; a character is one of the tokens joined by one space, the space included.
A missing prediction is the empty string. It is never `exact`, not even where the reference is empty too, and each
score whose denominator is zero takes its worst value: an empty set of words was not read correctly by anyone.

Knows nothing of pictures, files or intervals.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from rapidfuzz.distance import Levenshtein
from sacrebleu.metrics.bleu import BLEU

from im2latex.scoring.sums import COUNT, Column, Columns, Score, ratio, share, total

ORDERS = (1, 2, 3, 4)
"""N-gram lengths of BLEU."""


def text_columns(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, Column]:
    """Count, for each pair, what the text scores are made of; columns of shape (samples,)."""
    counter = BLEU(tokenize="none", smooth_method="none", effective_order=True)
    rows = [_row(counter, ref, hyp) for ref, hyp in zip(references, hypotheses, strict=True)]
    names = [COUNT, "exact", "edits", "ref_tokens", "max_tokens", "character_edits", "ref_characters", "hyp_tokens"]
    names += [f"matched_{n}" for n in ORDERS] + [f"ngrams_{n}" for n in ORDERS]
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
    return [*sizes, *grams.counts, *grams.totals]


def bleu(sums: Columns) -> Column:
    """Corpus BLEU-4 without smoothing: 0 as soon as one n-gram length has no match.

    Papineni et al. 2002, as the Moses script multi-bleu computes it and as sacreBLEU does with `tokenize="none"`,
    `smooth_method="none"`.
    """
    precisions = np.stack([ratio(sums[f"matched_{n}"], sums[f"ngrams_{n}"], empty=0.0) for n in ORDERS])
    some = precisions.min(axis=0) > 0
    logs = np.log(precisions, out=np.zeros_like(precisions), where=some)
    shortness = 1 - ratio(sums["ref_tokens"], sums["hyp_tokens"], empty=0.0)
    return np.where(some, np.exp(np.minimum(shortness, 0) + logs.mean(axis=0)), 0.0)


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


def text_scores(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, float]:
    """Compute every text score of a whole set."""
    sums = total(text_columns(references, hypotheses))
    return {name: float(score(sums)[0]) for name, score in TEXT_SCORES.items()}
