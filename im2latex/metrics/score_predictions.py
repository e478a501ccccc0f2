"""Score predictions: PREDICTIONS in, SCORES out, one row a prediction; and the columns that metrics aggregate.

Tables stay in Arrow's memory: Python strings, images and symbols exist for the rows of some references at a time.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from im2latex.io.parquet import column_values
from im2latex.metrics.bootstrap import Aggregate, Column
from im2latex.metrics.cdm import compare_glyphs
from im2latex.metrics.image import compare_renderings
from im2latex.metrics.registry import METRICS, sample_functions
from im2latex.metrics.text import token_counts
from im2latex.rendering.glyph_boxes.reader import GlyphReader
from im2latex.rendering.renderer import Renderer
from im2latex.schemas import SCORES
from im2latex.types import Tokenizer

REFERENCES_AT_ONCE = 5000
"""Distinct references whose rows are scored together; so each is typeset once."""

Rows = NDArray[np.int64]


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
    blocks = [(np.zeros(0, np.int64), SCORES.empty_table())]
    for rows in _blocks(predictions):
        chosen = pa.concat_tables(predictions.slice(run[0], len(run)) for run in _runs(rows))
        blocks.append((rows, _score(chosen, renderer, glyph_reader, progress, tokens)))
    places = np.empty(predictions.num_rows, np.int64)
    places[np.concatenate([rows for rows, _ in blocks])] = np.arange(predictions.num_rows)
    scored = pa.concat_tables(table for _, table in blocks)
    return pa.concat_tables([scored.slice(0, 0), *(scored.slice(run[0], len(run)) for run in _runs(places))])


def _blocks(predictions: pa.Table) -> Iterator[Rows]:
    """Row numbers of a few thousand references at a time, all rows of each, in order."""
    # Equal hashes of different references would only bring their rows together.
    hashes = np.fromiter((hash(reference) for reference, _ in string_pairs(predictions)), np.int64)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    block_of = (np.argsort(np.argsort(first)) // REFERENCES_AT_ONCE)[inverse]
    order = np.argsort(block_of, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(block_of[order])) + 1) if len(order) else ()


def _runs(rows: Rows) -> list[Rows]:
    """The row numbers cut into runs of consecutive numbers."""
    return np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []


def _score(
    predictions: pa.Table,
    renderer: Renderer | None,
    glyph_reader: GlyphReader | None,
    progress: bool,
    tokens: Mapping[str, str] | None,
) -> pa.Table:
    """`score_predictions` of all rows at once."""
    pairs = list(string_pairs(predictions))
    references, hypotheses = ([pair[side] for pair in pairs] for side in (0, 1))
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


def string_pairs(table: pa.Table) -> Iterator[tuple[str, str]]:
    """Reference and hypothesis of each row, the empty string for null."""
    sides = (column_values(table, name) for name in ("reference", "hypothesis"))
    for reference, hypothesis in zip(*sides, strict=True):
        yield reference or "", hypothesis or ""


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def metric_columns(
    scores: pa.Table, tokenizer: Tokenizer = "whitespace"
) -> tuple[dict[str, Column], dict[str, Aggregate]]:
    """Columns of shape (rows,), and the aggregates of the metrics that these columns suffice for.

    A metric of images or glyph boxes is left out where the table, as of an older run, lacks one of its counts for some
    row. `tokenizer` names how the strings of the table, which are tokens already, were split.
    """
    columns: dict[str, Column] = {}
    for function in sample_functions("text"):
        counted = {name: np.empty(scores.num_rows) for name in function("", "")}
        for row, pair in enumerate(string_pairs(scores)):
            for name, count in function(*pair).items():
                counted[name][row] = count
        columns |= counted
    aggregates: dict[str, Aggregate] = {}
    for name, metric in METRICS.items():
        if metric.needs != "text":
            if any(column not in scores.schema.names or scores[column].null_count for column in metric.columns):
                continue
            for column in metric.columns:
                columns[column] = scores[column].to_numpy().astype(np.float64)
        aggregates[name] = metric.aggregate_for(tokenizer)
    return columns, aggregates
