"""Score predictions: PREDICTIONS in, SCORES out, one row a prediction; and the columns that metrics aggregate."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from im2latex.metrics.bootstrap import Aggregate, Column
from im2latex.metrics.cdm import compare_glyphs
from im2latex.metrics.image import compare_renderings
from im2latex.metrics.registry import METRICS, sample_functions
from im2latex.metrics.text import token_counts
from im2latex.rendering.glyph_boxes.reader import GlyphReader
from im2latex.rendering.renderer import Renderer
from im2latex.schemas import SCORES
from im2latex.types import Tokenizer


def score_predictions(
    predictions: pa.Table,
    renderer: Renderer | None = None,
    glyph_reader: GlyphReader | None = None,
    progress: bool = False,
    tokens: Mapping[str, str] | None = None,
) -> pa.Table:
    """Score every row by its strings and, with a renderer and a glyph reader, by its images and symbols.

    A prediction of null counts as the empty string. What was not computed is null. `tokens` maps each formula to its
    tokens, joined by spaces, where the formulas are not in that form already: the strings are compared and returned as
    these tokens, while the images are those of the formulas as given.
    """
    references, hypotheses = _strings(predictions, "reference"), _strings(predictions, "hypothesis")
    token_sides = [[tokens[text] for text in side] if tokens else side for side in (references, hypotheses)]
    counts = [token_counts(*pair) for pair in zip(*token_sides, strict=True)]
    columns = {name: predictions[name].to_pylist() for name in ("formula_id", "split", "input")}
    columns |= {"reference": token_sides[0], "hypothesis": token_sides[1]}
    columns |= {"edits": [row["edits"] for row in counts], "exact": [bool(row["exact"]) for row in counts]}
    if renderer is not None:
        images = compare_renderings(references, hypotheses, renderer, sample_functions("images"), progress)
        columns |= _columns([one.counts for one in images])
        columns |= {"failure": [one.failure for one in images]}
        columns |= {"reference_failure": [one.reference_failure for one in images]}
    if glyph_reader is not None:
        columns |= _columns(
            compare_glyphs(references, hypotheses, glyph_reader, sample_functions("glyph_boxes"), progress)
        )
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(len(references), field.type)
        for field in SCORES
    ]
    return pa.table(arrays, schema=SCORES)


def _strings(table: pa.Table, name: str) -> list[str]:
    return [text or "" for text in table[name].to_pylist()]


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def metric_columns(
    scores: pa.Table, tokenizer: Tokenizer = "whitespace"
) -> tuple[dict[str, Column], dict[str, Aggregate]]:
    """Columns of shape (rows,), and the aggregates of the metrics that these columns suffice for.

    A metric of images or glyph boxes is left out where the table, as of an older run, lacks one of its counts for some
    row. `tokenizer` names how the strings of the table, which are tokens already, were split.
    """
    pairs = list(zip(scores["reference"].to_pylist(), scores["hypothesis"].to_pylist(), strict=True))
    columns: dict[str, Column] = {}
    for function in sample_functions("text"):
        rows = [function(*pair) for pair in pairs]
        columns |= {name: np.array([row[name] for row in rows], np.float64) for name in function("", "")}
    aggregates: dict[str, Aggregate] = {}
    for name, metric in METRICS.items():
        if metric.needs != "text":
            if any(column not in scores.schema.names or scores[column].null_count for column in metric.columns):
                continue
            for column in metric.columns:
                columns[column] = scores[column].to_numpy().astype(np.float64)
        aggregates[name] = metric.aggregate_for(tokenizer)
    return columns, aggregates
