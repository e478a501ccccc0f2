"""Quality and cost of each effort of a prediction: python -m benchmarks.effort --help

labels   normalized labels, one per line, rendered in the base style
images   images of any kind with their formulas: JSON Lines with `image`, a path beside the file, and `latex`

For each effort: `image_exact`, also by the length of the label in tokens; the share of predictions that parse; bold
predictions for short labels without bold; calibration error and AUROC of the confidence; CPU seconds per image, child
processes included, on one thread. Labels that the normalizer refuses are left out.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.harness import cpu_seconds, equal_pixels, save
from im2latex.errors import LatexError
from im2latex.images.arrays import ImageParams, to_dataset_image
from im2latex.inference.candidates import has_bold
from im2latex.inference.effort import EFFORTS, Effort
from im2latex.inference.inputs import ImageInput
from im2latex.inference.predictor import Predictor, load
from im2latex.io.manifest import RELEASED
from im2latex.latex.normalizer import Normalizer
from im2latex.latex.parser.parse import parses
from im2latex.metrics.calibration import auroc, expected_calibration_error
from im2latex.rendering.renderer import ParallelRenderer, TexRenderer
from im2latex.types import Prediction

LENGTHS = ((1, 12), (13, 45), (46, 100), (101, 200))
"""Length bins in tokens, both ends included."""

Name = Annotated[str, typer.Argument(help="name of the result, as in benchmarks/results/effort-NAME.json")]
Count = Annotated[int | None, typer.Option("-n", "--count", min=1, help="images drawn by seed; default: all")]
Efforts = Annotated[list[str] | None, typer.Option("--effort", help="which efforts; default: all")]
Folder = Annotated[Path, typer.Option("--checkpoint", help="checkpoint folder")]

_Item = TypeVar("_Item")

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def labels(file: Path, name: Name, count: Count = None, effort: Efforts = None, checkpoint: Folder = RELEASED) -> None:
    """Predict rendered labels."""
    pairs = rendered_labels(sample(file.read_text(encoding="utf-8").splitlines(), count))
    _evaluate(name, pairs, effort, load(checkpoint))


@app.command()
def images(file: Path, name: Name, count: Count = None, effort: Efforts = None, checkpoint: Folder = RELEASED) -> None:
    """Predict images of any kind."""
    items = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    _evaluate(name, [*normalized_images(sample(items, count), file.parent)], effort, load(checkpoint))


def rendered_labels(labels: Sequence[str]) -> list[tuple[str, ImageInput]]:
    """The labels that can be rendered in the base style, with their images."""
    renderings = ParallelRenderer(TexRenderer()).render(list(labels))
    return [
        (label, to_dataset_image(rendering.pixels, ImageParams()))
        for label, rendering in zip(labels, renderings, strict=True)
        if rendering.pixels is not None
    ]


def normalized_images(items: Sequence[Mapping[str, str]], folder: Path) -> Iterator[tuple[str, ImageInput]]:
    """The normalized formulas of images below `folder`, with the paths; refused formulas are left out."""
    normalizer = Normalizer()
    for item in items:
        try:
            yield normalizer.normalize(item["latex"]), folder / item["image"]
        except LatexError:
            continue


def sample(items: Sequence[_Item], count: int | None) -> list[_Item]:
    """Draw `count` items by a fixed seed; all where it is None."""
    return [*items] if count is None else random.Random(0).sample(items, min(count, len(items)))


def _evaluate(
    name: str, pairs: Sequence[tuple[str, ImageInput]], efforts: Sequence[str] | None, predictor: Predictor
) -> None:
    chosen = [effort for effort in EFFORTS if efforts is None or effort in efforts]
    torch.set_num_threads(1)
    references, inputs = [label for label, _ in pairs], [image for _, image in pairs]
    predictor.predict(inputs[:1], effort=chosen[-1])  # warm-up: formats, tables
    measured: dict[Effort, dict[str, object]] = {}
    for effort in chosen:
        started = cpu_seconds()
        predictions = predictor.predict(inputs, effort=effort)
        seconds = (cpu_seconds() - started) / len(pairs)
        measured[effort] = {**_scores(references, predictions), "cpu_seconds_per_image": round(seconds, 3)}
        typer.echo(f"{name}, {effort}: {measured[effort]}")
    save(f"effort-{name}", {"images": len(pairs), "efforts": measured})


def _scores(references: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, object]:
    hypotheses = [" ".join(prediction.tokens) for prediction in predictions]
    right = equal_pixels(references, hypotheses)
    confidences = np.array([prediction.confidence for prediction in predictions])
    lengths = np.array([len(reference.split()) for reference in references])
    bold, invented = (np.array([has_bold(text) for text in texts]) for texts in (references, hypotheses))
    short = (lengths <= LENGTHS[0][1]) & ~bold
    return {
        "image_exact": _share(right),
        "by_length": {
            f"{low}-{high}": {"images": int(chosen.sum()), "image_exact": _share(right[chosen])}
            for low, high in LENGTHS
            if (chosen := (low <= lengths) & (lengths <= high)).any()
        },
        "not_read": sum(not text for text in hypotheses),
        "parse": _share(np.array([parses(text) for text in hypotheses if text])),
        "bold_invented": _share(invented[short]),
        "expected_calibration_error": round(expected_calibration_error(confidences, right), 4),
        "auroc": round(auroc(confidences, right), 4),
        "right_above_0.9": _share(right[confidences > 0.9]),
        "above_0.9": _share(confidences > 0.9),
    }


def _share(values: NDArray[np.bool_]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None


if __name__ == "__main__":
    app()
