"""Two files, one formula a line, to scores: what `im2latex score` prints.

They are read as every file of formulas is (`dataset.sources`), tables with a column `formula` included. A blank line is
a missing formula and counts.

The text scores compare tokens. `latex`, the default, cuts raw LaTeX as TeX reads it, so that spaces and the braces of
arguments do not matter and a file judged by itself has 1 at any length; `whitespace` is the published definitions. With
a normalizer both sides are normalized first, so that synonyms, the order of scripts and needless braces do not matter
either; a formula that it refuses is cut as it is, and counted. Images are those of the formulas as given.
"""

from collections import Counter
from collections.abc import Set
from pathlib import Path
from typing import Any

import pyarrow as pa

from im2latex.dataset.readers.files import read_file
from im2latex.errors import InputError, LatexError
from im2latex.latex.normalizer import Normalizer
from im2latex.metrics.baselines import IMAGE, most_frequent, with_baselines
from im2latex.metrics.score import judge
from im2latex.metrics.summary import SummaryParams, describe, summarize
from im2latex.metrics.tokenizer import Tokenizer, tokenized
from im2latex.rendering.glyph_boxes.reader import GlyphReader
from im2latex.rendering.renderer import Renderer
from im2latex.schemas import PREDICTIONS, formula_id
from im2latex.types import BadRow


def score_files(
    references: Path,
    hypotheses: Path,
    renderer: Renderer | None = None,
    reader: GlyphReader | None = None,
    params: SummaryParams | None = None,
    baselines: bool = False,
    progress: bool = False,
    tokenizer: Tokenizer = "latex",
    normalizer: Normalizer | None = None,
) -> dict[str, Any]:
    """Score line by line; scores of images and symbols too where there is what they take.

    With `baselines`, those of trivial predictions are nested under that name; the most frequent formula is that of the
    references. The result also says how many lines of each side are blank and, with a normalizer, were refused.
    """
    params = params or SummaryParams()
    refs, hyps = read_lines(references), read_lines(hypotheses)
    if len(refs) != len(hyps):
        raise InputError(
            f"{references} has {len(refs):,} lines and {hypotheses} has {len(hyps):,}; "
            "each reference needs its prediction on the same line, blank if there is none"
        )
    rows = len(refs)
    columns = {
        "formula_id": [formula_id(line) for line in refs],
        "split": [params.headline] * rows,
        "input": [IMAGE] * rows,
        "reference": refs,
        "hypothesis": hyps,
        "log_probability": [None] * rows,
    }
    normal, refused = _normalized({*refs, *hyps}, normalizer)
    tokens = {line: tokenized(normal.get(line, line), tokenizer) for line in ("", *refs, *hyps)}
    counts: dict[str, Any] = {"tokenizer": tokenizer, "normalized": normalizer.params.profile if normalizer else None}
    sides = {"references": refs, "hypotheses": hyps}
    counts["blank_lines"] = {side: sum(not line.strip() for line in lines) for side, lines in sides.items()}
    if normalizer:
        counts["refused"] = {
            side: dict(Counter(refused[line] for line in lines if line in refused)) for side, lines in sides.items()
        }
    table = pa.table(columns, schema=PREDICTIONS)
    if not (baselines and rows):
        return counts | describe(judge(table, renderer, reader, progress, tokens), params, tokenizer)
    table = with_baselines(table, most_frequent(refs), tokens)
    tokens = {line: line for line in table["hypothesis"].to_pylist()} | tokens  # what a baseline changed is tokens
    found = counts | summarize(judge(table, renderer, reader, progress, tokens), params, tokenizer=tokenizer)
    del found["splits"]
    return found


def _normalized(lines: Set[str], normalizer: Normalizer | None) -> tuple[dict[str, str], dict[str, str]]:
    """The normalized form of each line that has one, and the reason of each other that is not blank."""
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
    """All formulas of a file; raises `InputError` at the first that cannot be read, since none may be left out."""
    lines: list[str] = []
    for row in read_file(path):
        if isinstance(row, BadRow):
            raise InputError(f"{path}: {row.place}: {row.detail}")
        lines.append(row.formula)
    return lines
