"""A checkpoint's predictions on a split: the search, then, if asked for, the choice by the hypotheses' images.

reads   a checkpoint folder and shards (through learning.predict)
        params.yaml: predict
writes  tables of records.PREDICTIONS and records.HYPOTHESES, for `im2latex evaluate`
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator
from tqdm import tqdm

from im2latex.decoding.rerank import Likeness, Redrawing, choose
from im2latex.inference.predict import PredictParams, Reading, read
from im2latex.io.parquet import write_table
from im2latex.metrics.baselines import IMAGE, SEARCH_ALONE
from im2latex.metrics.score import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize
from im2latex.rendering.renderer import Renderer
from im2latex.schemas import HYPOTHESES, PREDICTIONS
from im2latex.types import Split


class ReadoutParams(PredictParams):
    """How a checkpoint is read out, and which hypothesis is taken."""

    rerank: Literal["none", "render"] = Field(
        default="none", description="take the search's choice; or the hypothesis that looks like the image"
    )

    attention: int = Field(
        default=6, ge=0, le=24, description="test samples, drawn by seed, whose attention the stage keeps"
    )

    @model_validator(mode="after")
    def _there_is_a_choice(self) -> "ReadoutParams":
        if self.rerank == "render" and self.beam == 1:
            raise ValueError("rerank = render chooses among hypotheses; beam = 1 gives only one: raise beam")
        return self


@dataclass(frozen=True)
class Readout:
    """PREDICTIONS of one split, and the HYPOTHESES they were chosen from."""

    predictions: pa.Table
    hypotheses: pa.Table

    @property
    def images(self) -> int:
        """How many were read."""
        return int(pc.sum(pc.equal(self.predictions["input"], IMAGE)).as_py() or 0)


def read_out(
    checkpoint: Path, shards: Path, split: Split, params: ReadoutParams, redrawing: Redrawing | None = None
) -> Readout:
    """Read every image of the split; `redrawing` is needed where `params.rerank` asks for it.

    Where hypotheses are ranked anew, the search's own choices follow as rows of the input `search_alone`.
    """
    readings = list(tqdm(read(checkpoint, shards, split, params), "read", disable=None, delay=2))
    if params.rerank == "none" or redrawing is None:
        likenesses: list[list[Likeness] | None] = [None] * len(readings)
    else:
        texts = [[latex for latex, _ in reading.hypotheses] for reading in readings]
        likenesses = [*redrawing.compare([reading.image for reading in readings], texts)]
    chosen = [0 if one is None else choose(one) for one in likenesses]
    rows = [reading.row(split, IMAGE, place) for reading, place in zip(readings, chosen, strict=True)]
    if params.rerank == "render":
        rows += [reading.row(split, SEARCH_ALONE) for reading in readings]
    found = [
        row
        for reading, likeness, place in zip(readings, likenesses, chosen, strict=True)
        for row in _hypotheses(reading, split, likeness, place)
    ]
    return Readout(
        pa.Table.from_pylist(rows, schema=PREDICTIONS),
        pa.Table.from_pylist(found, schema=HYPOTHESES),
    )


def _hypotheses(reading: Reading, split: Split, likeness: list[Likeness] | None, chosen: int) -> list[dict[str, Any]]:
    return [
        {
            "formula_id": reading.formula_id,
            "split": split,
            "rank": rank,
            "hypothesis": latex,
            "log_probability": one.log_probability,
            "finished": one.finished,
            "same_image": likeness[rank].same if likeness else None,
            "column_edits": likeness[rank].column_edits if likeness else None,
            "chosen": rank == chosen,
        }
        for rank, (latex, one) in enumerate(reading.hypotheses)
    ]


def evaluate(
    checkpoint: Path,
    shards: Path,
    split: Split,
    out: Path,
    params: ReadoutParams,
    redrawing: Redrawing,
    renderer: Renderer | None,
) -> dict[str, Any]:
    """Write the PREDICTIONS of a split to `out` and score them; image scores need a renderer.

    The HYPOTHESES go to `<out without suffix>.hypotheses.parquet` where a beam found several. The scores have the names
    of `scoring.summary`, over all rows of the split; those of the search's own choices are nested where they differ.
    """
    found = read_out(checkpoint, shards, split, params, redrawing)
    write_table(found.predictions, out)
    if params.beam > 1:
        write_table(found.hypotheses, out.with_suffix(".hypotheses.parquet"))
    scores = score_predictions(found.predictions, renderer, progress=True)
    taken, alone = (scores.filter(pc.equal(scores["input"], name)) for name in (IMAGE, SEARCH_ALONE))
    nested = {SEARCH_ALONE: summarize(alone, EvaluateParams())} if alone.num_rows else {}
    return summarize(taken, EvaluateParams()) | nested
