"""Judged rows (records.SCORES) as the numbers that scores are functions of, one column a count."""

import numpy as np
import pyarrow as pa

from im2latex.metrics.cdm import CDM_SCORES
from im2latex.metrics.image import IMAGE_SCORES
from im2latex.metrics.ratios import Column, Score
from im2latex.metrics.score import IMAGE_COLUMNS
from im2latex.metrics.text import scores_of, text_columns
from im2latex.metrics.tokenizer import Tokenizer


def judged_columns(scores: pa.Table, tokenizer: Tokenizer = "whitespace") -> tuple[dict[str, Column], dict[str, Score]]:
    """Columns of shape (rows,), and the scores that can be had from them: those of images where all were judged.

    `tokenizer` is what cut the strings of the table, which are tokens already.
    """
    columns: dict[str, Column] = text_columns(scores["reference"].to_pylist(), scores["hypothesis"].to_pylist())
    names: dict[str, Score] = {**scores_of(tokenizer)}
    of_symbols = [((name,), {name: score}) for name, score in CDM_SCORES.items()]  # an older table lacks some
    for counts, more in ((IMAGE_COLUMNS, IMAGE_SCORES), *of_symbols):
        if scores[counts[0]].null_count == 0:
            names |= more
            for name in counts:
                if not pa.types.is_string(scores[name].type):
                    columns[name] = scores[name].to_numpy().astype(np.float64)
    return columns, names
