"""Speed and sensitivity of the metrics: python -m benchmarks.metrics COMMAND --help

speed        seconds for text, image and glyph metrics of many pairs
corruptions  scores of real formulas with edits of known kind and strength, and whether they fall as the strength grows
baselines    scores of trivial predictions
symbols      number of symbols of real formulas
"""

import os
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from benchmarks.formula_edits import EDITS, STRENGTHS, edit
from benchmarks.harness import cpu_seconds, lines, load, save
from im2latex.errors import LatexError
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.metrics.baselines import BASELINES, EMPTY, IMAGE, most_frequent, one_changed, with_baselines
from im2latex.metrics.bootstrap import bootstrap_intervals
from im2latex.metrics.cdm import compare_glyphs
from im2latex.metrics.image import compare_renderings
from im2latex.metrics.registry import METRICS, aggregates, lower_is_better
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize
from im2latex.metrics.text import text_columns
from im2latex.rendering.glyph_boxes.reader import ParallelGlyphReader, TexGlyphReader
from im2latex.rendering.renderer import ParallelRenderer, RenderParams, TexRenderer
from im2latex.reporting.tables import markdown_table
from im2latex.schemas import PREDICTIONS, formula_id

_SEED = 1
_TOLERANCE = 1e-9

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def speed(
    labels: Annotated[Path, typer.Argument(help="formulas, one a line")],
    count: int = 10_000,
    rasterizer: str = "ghostscript",
) -> None:
    """Seconds for `count` pairs: a formula and itself with one token changed; every fourth pair is equal."""
    formulas = [line for line in lines(labels) if line.strip()]
    references = [formulas[number % len(formulas)] for number in range(count)]
    hypotheses = [text if number % 4 == 0 else one_changed(f"{text} ") for number, text in enumerate(references)]
    params = RenderParams.model_validate({"rasterizer": rasterizer})
    renderer, reader = ParallelRenderer(TexRenderer(params)), ParallelGlyphReader(TexGlyphReader(params))
    renderer.render(references[:500])  # warm-up: preamble and processes
    reader.read(references[:500])

    def text() -> None:
        bootstrap_intervals(text_columns(references, hypotheses), aggregates("text"), 1000, 0)

    tasks: Mapping[str, Callable[[], object]] = {
        "text": text,
        "images": lambda: compare_renderings(references, hypotheses, renderer),
        "symbols": lambda: compare_glyphs(references, hypotheses, reader),
    }
    result: dict[str, object] = {"pairs": count, "distinct": len({*references, *hypotheses}), "rasterizer": rasterizer}
    result["load_before"] = round(os.getloadavg()[0], 1)
    for name, task in tasks.items():
        started, used = time.monotonic(), cpu_seconds()
        task()
        result[name] = {
            "seconds": round(time.monotonic() - started, 1),
            "cpu_seconds": round(cpu_seconds() - used, 1),
        }
    save(f"metrics-speed-{rasterizer}", result)


@app.command()
def corruptions(
    file: Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")],
    count: int = 200,
    rasterizer: str = "pdfium",
) -> None:
    """Scores of every edit by strength, and whether they never rise."""
    params = RenderParams.model_validate({"rasterizer": rasterizer})
    renderer, reader = ParallelRenderer(TexRenderer(params)), ParallelGlyphReader(TexGlyphReader(params))
    formulas = _renderable(load(file, 2 * count), renderer)[:count]
    sets = [(name, strength) for name in EDITS for strength in STRENGTHS]
    hypotheses = [edit(formula, name, strength, _SEED) for name, strength in sets for formula in formulas]
    scored = score_predictions(_predictions(formulas * len(sets), hypotheses), renderer, reader, progress=True)
    one_resample = EvaluateParams(resamples=1)
    found = [summarize(scored.slice(place * len(formulas), len(formulas)), one_resample) for place in range(len(sets))]
    scores = {
        name: {
            score: [block[score] for (of, _), block in zip(sets, found, strict=True) if of == name] for score in METRICS
        }
        for name in EDITS
    }
    monotonic = {
        name: {score: _is_monotonic(score, values) for score, values in row.items()} for name, row in scores.items()
    }
    total = sum(len(row) for row in monotonic.values())
    shown = markdown_table(["Edit", "Strength", *METRICS], _rows(scores), words=(0,))
    result: dict[str, object] = {"formulas": len(formulas), "strengths": list(STRENGTHS), "table": shown.splitlines()}
    result["monotonic"] = f"{sum(sum(row.values()) for row in monotonic.values())} of {total}"
    result["not_monotonic"] = [
        f"{name}: {score}" for name, row in monotonic.items() for score, good in row.items() if not good
    ]
    save("metrics-corruptions", result)


@app.command()
def baselines(
    file: Annotated[Path, typer.Argument(help="labels: .txt, .jsonl, .csv or .parquet")],
    count: int = 0,
    rasterizer: str = "pdfium",
) -> None:
    """Scores of trivial predictions, as a lower bound for a model, and of the references themselves.

    A reference that does not render counts as wrong in image metrics, even as its own prediction.
    """
    references = load(file, count)
    params = RenderParams.model_validate({"rasterizer": rasterizer})
    renderer, reader = ParallelRenderer(TexRenderer(params)), ParallelGlyphReader(TexGlyphReader(params))
    scored = score_predictions(
        with_baselines(_predictions(references, references), most_frequent(references)), renderer, reader, True
    )
    one_resample = EvaluateParams(resamples=1)
    found = {
        name: summarize(scored.filter(pc.equal(scored["input"], name)), one_resample) for name in (IMAGE, *BASELINES)
    }
    found["reference"] = found.pop(IMAGE)
    shown = markdown_table(
        ["Prediction", *METRICS], [[name, *(f"{row[score]:.3f}" for score in METRICS)] for name, row in found.items()]
    )
    scores = {name: {score: row[score] for score in METRICS} for name, row in found.items()}
    result: dict[str, object] = {"labels": len(references), "rasterizer": rasterizer, "table": shown.splitlines()}
    save("baselines", result | {"scores": scores, "labels_without_image": found[EMPTY]["reference_failures"]})


@app.command()
def symbols(
    file: Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")], count: int = 0
) -> None:
    """Percentiles of the number of symbols of formulas that typeset."""
    settings = ParallelGlyphReader(TexGlyphReader()).read(load(file, count))
    sizes = [len(one.glyphs.labels) for one in settings if one.glyphs is not None]
    percentiles = {str(share): float(np.percentile(sizes, share)) for share in (50, 90, 99, 99.9, 100)}
    save("metrics-symbols", {"formulas": len(settings), "typeset": len(sizes), "percentiles": percentiles})


def _predictions(references: list[str], hypotheses: list[str]) -> pa.Table:
    rows = [
        {
            "formula_id": formula_id(reference),
            "split": EvaluateParams().split,
            "input": IMAGE,
            "reference": reference,
            "hypothesis": hypothesis,
        }
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def _renderable(raw: list[str], renderer: ParallelRenderer) -> list[str]:
    """The normalized formulas that render."""
    normalizer = Normalizer(NormalizerParams())
    normalized = []
    for formula in raw:
        try:
            normalized.append(normalizer.normalize(formula))
        except LatexError:
            continue
    return [text for text, one in zip(normalized, renderer.render(normalized), strict=True) if one.pixels is not None]


def _is_monotonic(score: str, values: list[float]) -> bool:
    """Whether no stronger edit has a better score."""
    sign = -1 if lower_is_better(score) else 1
    return all(sign * (stronger - weaker) <= _TOLERANCE for weaker, stronger in pairwise(values))


def _rows(scores: Mapping[str, Mapping[str, list[float]]]) -> list[list[str]]:
    return [
        [name, str(strength), *(f"{values[place]:.3f}" for values in row.values())]
        for name, row in scores.items()
        for place, strength in enumerate(STRENGTHS)
    ]


if __name__ == "__main__":
    app()
