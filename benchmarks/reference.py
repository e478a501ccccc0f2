"""Score a checkpoint on formulas it never saw: python -m benchmarks.reference FORMULAS --checkpoint FOLDER

The formulas of at most `--longest` tokens, as given, go through the model's own normalizer and the renderer of
./params.yaml; the pictures through greedy search. Whatever has no picture counts as missed. Scored twice: against the
normalized labels, and against the labels as given; beside the scores of blank pictures, which no model needs.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import torch
import typer
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.corpus import load, save
from im2latex.errors import LatexError
from im2latex.imaging.raster import prepare
from im2latex.latex.normalize import Normalizer, NormalizerParams
from im2latex.learning.beam import SearchParams
from im2latex.learning.checkpoint import Checkpoint, load_checkpoint
from im2latex.learning.predict import search
from im2latex.params import load_section
from im2latex.records import PREDICTIONS, formula_id
from im2latex.rendering.pool import PooledRenderer
from im2latex.scoring.judge import judge
from im2latex.scoring.summary import SummaryParams, describe
from pipeline.renderer import RenderStageParams, project_renderer

BATCH_PIXELS = 2_000_000


def main(
    formulas: Annotated[Path, typer.Argument(help="labels, in any format that the toolkit reads")],
    checkpoint: Annotated[Path, typer.Option(help="folder of model.safetensors and checkpoint.json")],
    name: Annotated[str, typer.Option(help="of the result")],
    longest: Annotated[int, typer.Option(help="most tokens of a label as given, split at blanks")] = 45,
    count: Annotated[int, typer.Option(help="so many formulas at even distances; 0 for all")] = 0,
    width: Annotated[int, typer.Option(help="of the beam")] = 1,
) -> None:
    """Score a checkpoint on labels."""
    given = [label for label in load(formulas) if len(label.split()) <= longest]
    given = given[:: max(1, len(given) // count)][:count] if count else given
    normalizer = Normalizer(NormalizerParams())
    normalized = [_normalize(normalizer, label) for label in given]
    keep = [index for index, label in enumerate(normalized) if label is None or len(label.split()) <= longest]
    given, normalized = [given[index] for index in keep], [normalized[index] for index in keep]
    renderer, params = project_renderer(), load_section("render", RenderStageParams).picture
    drawn = renderer.render([label or "" for label in normalized])
    pictures = [
        None if one.pixels is None else prepare(one.pixels, params.padding_px, params.downsample) for one in drawn
    ]
    model = load_checkpoint(checkpoint)
    started = time.perf_counter()
    found = read_all(model, pictures, width)
    seconds = time.perf_counter() - started
    blank = read_all(model, [None if one is None else np.full_like(one, 255) for one in pictures], 1)
    own = [label or raw for label, raw in zip(normalized, given, strict=True)]
    save(
        f"reference-{name}",
        {
            "formulas": len(given),
            "without_picture": sum(picture is None for picture in pictures),
            "pictures_per_second": len(given) / seconds,
            "weights": sum(weight.numel() for weight in model.network.parameters()),
            "counts": model.counts,
            "own_labels": score(own, found, renderer),
            "labels_as_given": score(given, found),
            "blank": score(own, blank),
        },
    )
    lines = "".join(json.dumps(row) + "\n" for row in zip(own, found, strict=True))
    Path(f"{name}.predictions.jsonl").write_text(lines, encoding="utf-8")


def read_all(model: Checkpoint, pictures: Sequence[NDArray[np.uint8] | None], width: int) -> list[str]:
    """The best hypothesis for each picture, read in batches of the checkpoint's shapes; blank where there is none."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, picture in enumerate(pictures):
        if picture is not None:
            groups.setdefault(_room(model, *picture.shape), []).append(index)
    found = [""] * len(pictures)
    with tqdm(total=len(pictures), unit="picture", disable=None) as bar:
        for room, indices in groups.items():
            size = max(1, BATCH_PIXELS // (room[0] * room[1]))
            for start in range(0, len(indices), size):
                chosen = indices[start : start + size]
                pages = torch.full((len(chosen), 1, *room), 255, dtype=torch.uint8)
                for page, index in zip(pages, chosen, strict=True):
                    _place(pictures[index], page[0])
                for index, hypotheses in zip(chosen, search(model, pages, SearchParams(beam=width)), strict=True):
                    found[index] = " ".join(model.vocabulary.decode(hypotheses[0].tokens))
                bar.update(len(chosen))
    return found


def score(references: list[str], hypotheses: list[str], renderer: PooledRenderer | None = None) -> dict[str, Any]:
    """All scores with their intervals."""
    rows = len(references)
    columns = {
        "formula_id": [formula_id(label) for label in references],
        "split": ["test"] * rows,
        "input": ["picture"] * rows,
        "reference": references,
        "hypothesis": hypotheses,
        "log_probability": [None] * rows,
    }
    return describe(judge(pa.table(columns, schema=PREDICTIONS), renderer), SummaryParams())


def _room(model: Checkpoint, height: int, width: int) -> tuple[int, int]:
    """The smallest trained size that holds a picture, or its own size rounded up."""
    fitting = [(s.height, s.width) for s in model.shapes if s.height >= height and s.width >= width]
    return min(fitting, key=lambda size: size[0] * size[1], default=(-(-height // 16) * 16, -(-width // 32) * 32))


def _place(picture: NDArray[np.uint8] | None, page: torch.Tensor) -> None:
    """Put a picture in the middle of a page (H, W)."""
    if picture is not None:
        top, left = ((room - size) // 2 for room, size in zip(page.shape, picture.shape, strict=True))
        page[top : top + picture.shape[0], left : left + picture.shape[1]] = torch.from_numpy(picture)


def _normalize(normalizer: Normalizer, label: str) -> str | None:
    try:
        return normalizer.normalize(label)
    except LatexError:
        return None


if __name__ == "__main__":
    typer.run(main)
