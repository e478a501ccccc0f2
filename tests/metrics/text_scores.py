"""Text metrics of two lists of formulas, from the functions that count one pair and aggregate the counts."""

from collections.abc import Sequence

from im2latex.metrics.bootstrap import sum_columns
from im2latex.metrics.registry import aggregates
from im2latex.metrics.text import text_columns, tokenize
from im2latex.types import Tokenizer


def text_scores(
    references: Sequence[str], hypotheses: Sequence[str], tokenizer: Tokenizer = "whitespace"
) -> dict[str, float]:
    """Every text metric of the whole set, without intervals."""
    sides = [[tokenize(formula, tokenizer) for formula in side] for side in (references, hypotheses)]
    sums = sum_columns(text_columns(*sides))
    return {name: float(aggregate(sums)[0]) for name, aggregate in aggregates("text", tokenizer).items()}
