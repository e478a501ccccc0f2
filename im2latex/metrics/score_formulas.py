"""Score two sequences or two files of formulas: what `im2latex.score` and `im2latex score` return.

Files are read as every file of formulas is (`dataset.readers`), tables with a column `formula` included. A blank line
is a missing formula and counts.

The text metrics compare tokens. `latex`, the default, splits raw LaTeX as TeX reads it, so that spaces and braces of
arguments do not matter and a file scored against itself has 1 at any length; `whitespace` is the published definitions.
With a normalizer both sides are normalized first, so that synonyms, the order of scripts and needless braces do not
matter either; a formula that it refuses is split as it is, and counted. Images are those of the formulas as given.
"""

from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import pyarrow as pa

from im2latex.dataset.readers.files import read_file
from im2latex.errors import InputError, LatexError
from im2latex.latex.normalizer import Normalizer
from im2latex.metrics.baselines import IMAGE, most_frequent, with_baselines
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize, summarize_splits
from im2latex.metrics.text import tokenize
from im2latex.rendering.glyph_boxes.reader import GlyphReader, ParallelGlyphReader, TexGlyphReader
from im2latex.rendering.renderer import ParallelRenderer, Renderer, RenderParams, TexRenderer
from im2latex.schemas import PREDICTIONS, formula_id
from im2latex.types import BadRow, Tokenizer


def score(
    references: Sequence[str], hypotheses: Sequence[str], images: bool = False, tokenizer: Tokenizer = "latex"
) -> dict[str, Any]:
    """Score each hypothesis against the reference at the same index; an empty hypothesis is a missing prediction.

    Returns the metrics by name as fractions in 0..1, `n`, `intervals` (bootstrap, 95 %), and breakdowns, as
    `im2latex score` prints. `images` adds the metrics of rendered images and glyph boxes, which need TeX; they use
    the default renderer. Raises `InputError` where the two differ in length or are empty.
    """
    params = RenderParams()
    renderer = ParallelRenderer(TexRenderer(params)) if images else None
    glyph_reader = ParallelGlyphReader(TexGlyphReader(params)) if images else None
    return score_formulas(list(references), list(hypotheses), renderer, glyph_reader, tokenizer=tokenizer)


def score_files(references: Path, hypotheses: Path, **options: Any) -> dict[str, Any]:
    """Score the lines of two files; `options` are those of `score_formulas`."""
    sides = read_lines(references), read_lines(hypotheses)
    return score_formulas(*sides, **options, names=(str(references), str(hypotheses)))


def score_formulas(
    references: Sequence[str],
    hypotheses: Sequence[str],
    renderer: Renderer | None = None,
    glyph_reader: GlyphReader | None = None,
    params: EvaluateParams | None = None,
    baselines: bool = False,
    progress: bool = False,
    tokenizer: Tokenizer = "latex",
    normalizer: Normalizer | None = None,
    names: tuple[str, str] = ("the list of references", "the list of hypotheses"),
) -> dict[str, Any]:
    """Score pair by pair; metrics of images and glyph boxes are included where their renderer and reader are given.

    With `baselines`, the scores of trivial predictions are nested under that name; the most frequent formula is that of
    the references. The result also counts the blank formulas of each side and, with a normalizer, the refused ones.
    """
    params = params or EvaluateParams()
    if len(references) != len(hypotheses):
        raise InputError(
            f"{names[0]} has {len(references):,} lines and {names[1]} has {len(hypotheses):,}; "
            "each reference needs its prediction on the same line, blank if there is none"
        )
    rows = len(references)
    columns = {
        "formula_id": [formula_id(line) for line in references],
        "split": [params.split] * rows,
        "input": [IMAGE] * rows,
        "reference": references,
        "hypothesis": hypotheses,
        "log_probability": [None] * rows,
    }
    normal, refused = _normalized({*references, *hypotheses}, normalizer)
    tokens = {line: tokenize(normal.get(line, line), tokenizer) for line in ("", *references, *hypotheses)}
    counts: dict[str, Any] = {"tokenizer": tokenizer, "normalized": normalizer.params.profile if normalizer else None}
    sides = {"references": references, "hypotheses": hypotheses}
    counts["blank_lines"] = {side: sum(not line.strip() for line in lines) for side, lines in sides.items()}
    if normalizer:
        counts["refused"] = {
            side: dict(Counter(refused[line] for line in lines if line in refused)) for side, lines in sides.items()
        }
    table = pa.table(columns, schema=PREDICTIONS)
    if not (baselines and rows):
        scores = score_predictions(table, renderer, glyph_reader, progress, tokens)
        return counts | summarize(scores, params, tokenizer)
    table = with_baselines(table, most_frequent(references), tokens)
    # What the baseline `one_changed` made is tokens already.
    tokens = {line: line for line in table["hypothesis"].to_pylist()} | tokens
    scores = score_predictions(table, renderer, glyph_reader, progress, tokens)
    found = counts | summarize_splits(scores, params, tokenizer=tokenizer)
    del found["splits"]
    return found


def _normalized(lines: Set[str], normalizer: Normalizer | None) -> tuple[dict[str, str], dict[str, str]]:
    """The normalized form of each line that has one, and the reason of each other line that is not blank."""
    normal: dict[str, str] = {}
    refused: dict[str, str] = {}
    if normalizer is None:
        return normal, refused
    for line in lines:
        try:
            normal[line] = normalizer.normalize(line)
        except LatexError as error:
            if line.strip():
                refused[line] = error.reason
    return normal, refused


def read_lines(path: Path) -> list[str]:
    """All formulas of a file; raises `InputError` at the first that cannot be read, since none may be skipped."""
    lines: list[str] = []
    for row in read_file(path):
        if isinstance(row, BadRow):
            raise InputError(f"{path}: {row.place}: {row.detail}")
        lines.append(row.formula)
    return lines
