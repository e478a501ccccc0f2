"""Release of a checkpoint as the pretrained one: python -m recipes.release CHECKPOINT SHARDS

reads   a checkpoint folder; shards with the split val, such as data/bucket
writes  im2latex/pretrained/model.safetensors   the weights, in half precision
        im2latex/pretrained/checkpoint.json
        im2latex/pretrained/SHA256SUMS          of both, for `im2latex verify`

Both are first written elsewhere and tried: they must be small enough for the repository, and read held-out images
as the full weights do. Otherwise nothing is written, and it exits 1.
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
from im2latex.inference.predict_split import PredictParams, SamplePrediction, predict_samples
from im2latex.io.hashing import sum_line
from im2latex.io.manifest import RELEASED, SUMS
from im2latex.training.checkpoint import load_checkpoint, save_checkpoint
from recipes.half_precision import halve

MOST_BYTES = 25_000_000
FEWEST_ALIKE = 0.98
"""Share of images that must be read token by token as with full weights: where two tokens are as probable as each
other, the smallest change decides, which makes the reading no worse."""
MOST_OFF = 0.01
"""How far the mean probability of a token may move, as a share."""


def main(
    checkpoint: Annotated[Path, typer.Argument(help="folder of a trained model, as data/train")],
    shards: Annotated[Path, typer.Argument(help="folder of shards, as data/bucket")] = Path("data/bucket"),
    out: Annotated[Path, typer.Option("--out", help="where the released checkpoint lies")] = RELEASED,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="images of val that are compared")] = 200,
) -> None:
    """Halve the weights, compare, and release."""
    loaded = load_checkpoint(checkpoint)
    with tempfile.TemporaryDirectory() as name:
        draft = Path(name)
        save_checkpoint(replace(loaded, network=halve(loaded.network)), draft)
        size = sum(path.stat().st_size for path in draft.iterdir())
        if size > MOST_BYTES:
            raise ArtifactError(f"{checkpoint}: {size / 1e6:.1f} MB in half precision; at most {MOST_BYTES / 1e6:.0f}")
        full, half = (_readings(folder, shards, count) for folder in (checkpoint, draft))
        alike, off = compare(full, half)
        if alike < FEWEST_ALIKE or not off <= MOST_OFF:
            raise ArtifactError(
                f"{checkpoint}: with half precise weights {alike:.1%} of the images are read alike and a token's "
                f"probability moves by {off:.2%}; {FEWEST_ALIKE:.0%} and {MOST_OFF:.0%} are asked for"
            )
        out.mkdir(parents=True, exist_ok=True)
        for path in draft.iterdir():
            shutil.copyfile(path, out / path.name)
        sums = "".join(map(sum_line, sorted(draft.iterdir())))
        (out / SUMS).write_text(sums, encoding="utf-8")
    typer.echo(f"{out}: {size / 1e6:.2f} MB, {alike:.1%} read alike, a token's probability moves by {off:.3%}")


def compare(full: list[SamplePrediction], half: list[SamplePrediction]) -> tuple[float, float]:
    """The share of readings with the same tokens, and the mean relative change of a token's mean probability."""
    alike = [one.hypotheses[0][0] == other.hypotheses[0][0] for one, other in zip(full, half, strict=True)]
    moved = [abs(_sureness(other) / _sureness(one) - 1) for one, other in zip(full, half, strict=True)]
    return sum(alike) / len(alike), sum(moved) / len(moved)


def _sureness(reading: SamplePrediction) -> float:
    """The geometric mean of the tokens' probabilities, of a cut reading too."""
    hypothesis = reading.hypotheses[0][1]
    return math.exp(hypothesis.log_probability / (len(hypothesis.tokens) + 1))


def _readings(checkpoint: Path, shards: Path, count: int) -> list[SamplePrediction]:
    found = list(islice(predict_samples(checkpoint, shards, "val", PredictParams(device="cpu")), count))
    if not found:
        raise ArtifactError(f"{shards}: no images in the split val to compare the readings on")
    return found


if __name__ == "__main__":
    try:
        typer.run(main)
    except Im2LatexError as error:
        sys.exit(f"release: {error}")
