"""Two files, one formula a line, to scores: what `im2latex score` prints.

A line ends at \\n or \\r\\n only, never at another Unicode separator. A blank line is a missing formula and counts.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from im2latex.errors import InputError
from im2latex.records import PREDICTIONS, formula_id
from im2latex.rendering.engine import Renderer
from im2latex.rendering.glyphs import GlyphReader
from im2latex.scoring.baselines import PICTURE, most_frequent, with_baselines
from im2latex.scoring.judge import judge
from im2latex.scoring.summary import SummaryParams, describe, summarize


def score_files(
    references: Path,
    hypotheses: Path,
    renderer: Renderer | None = None,
    reader: GlyphReader | None = None,
    params: SummaryParams | None = None,
    baselines: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Score line by line; scores of pictures and symbols too where there is what they take.

    With `baselines`, those of trivial predictions are nested under that name; the most frequent formula is that of the
    references.
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
        "input": [PICTURE] * rows,
        "reference": refs,
        "hypothesis": hyps,
        "log_probability": [None] * rows,
    }
    table = pa.table(columns, schema=PREDICTIONS)
    if baselines and rows:
        found = summarize(judge(with_baselines(table, most_frequent(refs)), renderer, reader, progress), params)
        del found["splits"]
        return found
    return describe(judge(table, renderer, reader, progress), params)


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file without their ends; raises `InputError` where it cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
