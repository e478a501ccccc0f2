"""Memory of scoring and summarizing predictions: python -m benchmarks.evaluation_memory --help

The predictions of the project, each again and again with another number behind both formulas, so that all strings
differ. Images and symbols are made up from the strings, without TeX.
"""

import hashlib
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from benchmarks.harness import anonymous_mb, cpu_seconds, in_new_process, peak_memory, save
from im2latex.images.arrays import Pixels
from im2latex.io.parquet import read_table
from im2latex.metrics.baselines import IMAGE, with_baselines
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize_splits
from im2latex.rendering.glyph_boxes.reader import GlyphBoxes, GlyphReader, GlyphResult
from im2latex.rendering.renderer import Renderer, Rendering
from im2latex.schemas import PREDICTIONS
from pipeline.paths import DATA


class FakeRenderer(Renderer):
    """An image of four by eight pixels for each formula."""

    identity = "fake"

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """The same for the same formulas."""
        return [Rendering(self._draw(formula)) for formula in formulas]

    @staticmethod
    def _draw(formula: str) -> Pixels:
        return np.frombuffer(hashlib.sha256(formula.encode()).digest(), np.uint8).reshape(4, 8)


class FakeReader(GlyphReader):
    """The tokens of a formula as symbols, one beside the other."""

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        """The same for the same formulas."""
        return [GlyphResult(self._boxes(formula.split())) for formula in formulas]

    @staticmethod
    def _boxes(tokens: list[str]) -> GlyphBoxes:
        lefts = 20.0 * np.arange(len(tokens))
        return GlyphBoxes(tuple(tokens), np.column_stack([lefts, lefts * 0, lefts + 16, lefts * 0 + 20]))


def measure(predictions: Path, count: int) -> dict[str, float]:
    """Score and summarize `count` predictions and their baselines."""
    table = _repeat(predictions, count)
    result: dict[str, float] = {"predictions": count, "before_mb": anonymous_mb()}
    with peak_memory() as peak:
        started = cpu_seconds()
        scores = score_predictions(with_baselines(table, "x"), FakeRenderer(), FakeReader())
        result |= {"score_cpu_seconds": round(cpu_seconds() - started, 1)}
    result |= {"score_peak_mb": peak[0], "rows": scores.num_rows, "table_mb": round(scores.nbytes / 2**20)}
    with peak_memory() as peak:
        started = cpu_seconds()
        summarize_splits(scores, EvaluateParams(resamples=20))
        result |= {"summary_cpu_seconds": round(cpu_seconds() - started, 1)}
    return result | {"summary_peak_mb": peak[0]}


def _repeat(predictions: Path, count: int) -> pa.Table:
    table = read_table(predictions)
    rows = cycle(table.filter(pc.equal(table["input"], IMAGE)).to_pylist())
    parts = []
    for first in range(0, count, 10_000):
        numbered = enumerate(islice(rows, min(10_000, count - first)), first)
        part = [
            row
            | {"formula_id": f"{number:032x}", "split": "test"}
            | {side: f"{row[side] or ''} + {number}" for side in ("reference", "hypothesis")}
            for number, row in numbered
        ]
        parts.append(pa.Table.from_pylist(part, schema=PREDICTIONS))
    return pa.concat_tables(parts)


def main(
    counts: Annotated[str, typer.Option(help="numbers of predictions")] = "10000,50000",
    predictions: Path = DATA / "predict" / "predictions.parquet",
) -> None:
    """Measure each number of predictions in a process of its own."""
    rows = [in_new_process(measure, predictions, int(count)) for count in counts.split(",")]
    save("evaluation-memory", {"runs": rows})


if __name__ == "__main__":
    typer.run(main)
