"""Release of a checkpoint as the pretrained one: python -m recipes.release CHECKPOINT SHARDS

reads   a checkpoint folder; shards with the split val, such as data/bucket
writes  im2latex/pretrained/model.safetensors   weights in half precision
        im2latex/pretrained/checkpoint.json
        im2latex/pretrained/SHA256SUMS          of both, for `im2latex verify`

Both files are written to a temporary folder first. They must be small enough for the repository, and predict held-out
images as the full weights do. Otherwise nothing is written and the exit status is 1.
"""

import math
import shutil
import sys
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from im2latex.errors import ArtifactError, Im2LatexError
from im2latex.inference.confidence import FILE_NAME
from im2latex.inference.predict_split import PredictParams, SamplePrediction, predict_samples
from im2latex.io.hashing import sum_line
from im2latex.io.manifest import RELEASED, SUMS
from im2latex.training.checkpoint import load_checkpoint, save_checkpoint
from recipes.half_precision import to_half

MAX_BYTES = 25_000_000
MIN_AGREEMENT = 0.98
"""Share of images whose predicted tokens must equal those of the full weights. It is below 1 because the rounding
decides between two tokens of equal probability."""
MAX_CONFIDENCE_CHANGE = 0.01
"""Largest mean relative change of the geometric mean of token probabilities."""


def main(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint folder, such as data/train")],
    shards: Annotated[Path, typer.Argument(help="shard folder, such as data/bucket")] = Path("data/bucket"),
    out: Annotated[Path, typer.Option("--out", help="folder of the released checkpoint")] = RELEASED,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="images of the split val to compare")] = 200,
) -> None:
    """Convert the weights to half precision, compare the predictions, and release."""
    loaded = load_checkpoint(checkpoint)
    with tempfile.TemporaryDirectory() as name:
        draft = Path(name)
        save_checkpoint(replace(loaded, network=to_half(loaded.network)), draft)
        size = sum(path.stat().st_size for path in draft.iterdir())
        if size > MAX_BYTES:
            raise ArtifactError(f"{checkpoint}: {size / 1e6:.1f} MB in half precision; at most {MAX_BYTES / 1e6:.0f}")
        full, half = (_predict(folder, shards, count) for folder in (checkpoint, draft))
        agreement, change = compare(full, half)
        if agreement < MIN_AGREEMENT or not change <= MAX_CONFIDENCE_CHANGE:
            raise ArtifactError(
                f"{checkpoint}: in half precision {agreement:.1%} of the predictions stay equal and the confidence "
                f"changes by {change:.2%}; the limits are {MIN_AGREEMENT:.0%} and {MAX_CONFIDENCE_CHANGE:.0%}"
            )
        out.mkdir(parents=True, exist_ok=True)
        for path in draft.iterdir():
            shutil.copyfile(path, out / path.name)
        sums = "".join(map(sum_line, sorted(draft.iterdir())))
        (out / SUMS).write_text(sums, encoding="utf-8")
        (out / FILE_NAME).unlink(missing_ok=True)  # it was fitted on other weights
    typer.echo(f"{out}: {size / 1e6:.2f} MB, {agreement:.1%} equal predictions, confidence changes by {change:.3%}")
    typer.echo("next: fit its confidence with python -m recipes.confidence")


def compare(full: list[SamplePrediction], half: list[SamplePrediction]) -> tuple[float, float]:
    """Return the share of equal predictions and the mean relative change of the confidence."""
    pairs = list(zip(full, half, strict=True))
    equal = sum(one.hypotheses[0][0] == other.hypotheses[0][0] for one, other in pairs)
    changes = [abs(_confidence(other) / _confidence(one) - 1) for one, other in pairs]
    return equal / len(pairs), sum(changes) / len(pairs)


def _confidence(prediction: SamplePrediction) -> float:
    """Geometric mean of the token probabilities, also of a truncated prediction."""
    hypothesis = prediction.hypotheses[0][1]
    return math.exp(hypothesis.log_probability / (len(hypothesis.tokens) + 1))


def _predict(checkpoint: Path, shards: Path, count: int) -> list[SamplePrediction]:
    predictions = list(islice(predict_samples(checkpoint, shards, "val", PredictParams(device="cpu")), count))
    if not predictions:
        raise ArtifactError(f"{shards}: no images in the split val to compare predictions on")
    return predictions


if __name__ == "__main__":
    try:
        typer.run(main)
    except Im2LatexError as error:
        sys.exit(f"release: {error}")
