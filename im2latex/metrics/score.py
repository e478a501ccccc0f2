"""Predictions in, one judged row a prediction out: PREDICTIONS to SCORES."""

from collections.abc import Mapping
from dataclasses import asdict, fields

import numpy as np
import pyarrow as pa

from im2latex.metrics.cdm import CDM_SCORES, judge_symbols
from im2latex.metrics.image import ImageJudgement, judge_images
from im2latex.metrics.text import text_columns
from im2latex.rendering.glyph_boxes.reader import GlyphReader
from im2latex.rendering.renderer import Renderer
from im2latex.schemas import SCORES

IMAGE_COLUMNS = tuple(field.name for field in fields(ImageJudgement))
"""The columns of SCORES that only a renderer can fill."""

CDM_COLUMNS = tuple(CDM_SCORES)
"""Those that only a reader of symbols can fill."""


def judge(
    predictions: pa.Table,
    renderer: Renderer | None = None,
    reader: GlyphReader | None = None,
    progress: bool = False,
    tokens: Mapping[str, str] | None = None,
) -> pa.Table:
    """Judge every row by its strings and, given what it takes, by its images and symbols; null is no prediction.

    `tokens` maps each formula to its tokens, joined by spaces, where the formulas are not that already: the strings are
    judged, and stand in the result, as these, the images are those of the formulas as they are.
    """
    references, hypotheses = _strings(predictions, "reference"), _strings(predictions, "hypothesis")
    cut = [[tokens[text] for text in side] if tokens else side for side in (references, hypotheses)]
    counts = text_columns(*cut)
    columns = {name: predictions[name] for name in ("formula_id", "split", "input")}
    columns |= {"reference": pa.array(cut[0], pa.string()), "hypothesis": pa.array(cut[1], pa.string())}
    columns |= {"edits": pa.array(counts["edits"].astype("int32")), "exact": pa.array(counts["exact"] == 1)}
    if renderer is not None:
        rows = [asdict(judgement) for judgement in judge_images(references, hypotheses, renderer, progress)]
        columns |= {name: pa.array([row[name] for row in rows], SCORES.field(name).type) for name in IMAGE_COLUMNS}
    if reader is not None:
        matched = np.array(judge_symbols(references, hypotheses, reader, progress), np.float64).reshape(-1, 2)
        columns |= {"cdm": pa.array(matched[:, 0]), "cdm_exact": pa.array(matched[:, 0] == 1)}
        columns["cdm_strict"] = pa.array(matched[:, 1])
    for name in (*IMAGE_COLUMNS, *CDM_COLUMNS):
        columns.setdefault(name, pa.nulls(len(references), SCORES.field(name).type))
    return pa.table([columns[name] for name in SCORES.names], schema=SCORES)


def _strings(table: pa.Table, name: str) -> list[str]:
    return [text or "" for text in table[name].to_pylist()]
