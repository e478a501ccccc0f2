"""A checkpoint at work on a split of shards.

reads  a checkpoint folder (through checkpoint) and <shards>/<split>/shard-*.parquet (through batches)
yields what it reads, also as rows of records.PREDICTIONS
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from im2latex.decoding.beam import SearchParams, beam
from im2latex.decoding.grammar_constraint import Grammar
from im2latex.decoding.greedy import Constraint, Hypothesis, greedy
from im2latex.errors import ArtifactError
from im2latex.training.checkpoint import Checkpoint, load_checkpoint
from im2latex.training.collate import collate
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.sampler import BatchParams, bucket_batches
from im2latex.types import Split


class PredictParams(SearchParams):
    """How a checkpoint is read out."""

    batches: BatchParams = Field(
        default=BatchParams(max_images=64, max_pixels=1_000_000, max_tokens=4096),
        description="what goes into one batch; changes speed, not results",
    )
    constrain: bool = Field(default=False, description="write only what can end in a formula that parses")
    device: str = Field(default="auto", description="where to compute, as torch names it: cpu, cuda, or auto")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a checkpoint reads in one sample: the image (h, w) as stored, and hypotheses as LaTeX, the best first."""

    formula_id: str
    reference: str
    image: NDArray[np.uint8]
    hypotheses: list[tuple[str, Hypothesis]]

    def row(self, split: Split, shown: str, place: int = 0) -> dict[str, object]:
        """One of the hypotheses as a row of records.PREDICTIONS."""
        latex, hypothesis = self.hypotheses[place]
        return {
            "formula_id": self.formula_id,
            "split": split,
            "input": shown,
            "reference": self.reference,
            "hypothesis": latex,
            "log_probability": hypothesis.log_probability,
        }


def read(checkpoint: Path, shards: Path, split: Split, params: PredictParams, blank: bool = False) -> Iterator[Reading]:
    """One reading a sample of the split; with `blank` the model sees white paper of the same size.

    Samples are known by their text, never by the shards' token ids: any checkpoint reads any shards.
    """
    loaded = load_checkpoint(checkpoint)
    device = choose_device(params.device)
    loaded.network.to(device)
    grammar = Grammar(loaded.vocabulary, device) if params.constrain else None
    samples = InMemoryDataset(shards, split)
    for indices in bucket_batches(samples, params.batches):
        images = collate(samples, indices).images
        images = torch.full_like(images, 255) if blank else images
        for index, found in zip(indices, search(loaded, images.to(device), params, grammar), strict=True):
            written = [(" ".join(loaded.vocabulary.decode(one.tokens)), one) for one in found]
            yield Reading(samples.ids[index], samples.latex[index], samples.image(index).numpy(), written)


def predict(
    checkpoint: Path, shards: Path, split: Split, params: PredictParams, blank: bool = False
) -> Iterator[dict[str, object]]:
    """The search's choices as rows (records.PREDICTIONS), one a sample of the split."""
    for reading in read(checkpoint, shards, split, params, blank):
        yield reading.row(split, "blank" if blank else "image")


def search(
    checkpoint: Checkpoint, images: Tensor, params: SearchParams, constraint: Constraint | None = None
) -> list[list[Hypothesis]]:
    """Hypotheses for each image (B, 1, H, W), the best first, by greedy or beam search.

    Raises `ArtifactError` where the network's scores are not numbers: finite weights can give such.
    """
    if params.beam == 1:
        found = [[one] for one in greedy(checkpoint.network, images, checkpoint.max_tokens, constraint)]
    else:
        found = beam(checkpoint.network, images, checkpoint.max_tokens, params, constraint)
    if any(not several or any(math.isnan(one.log_probability) for one in several) for several in found):
        raise ArtifactError("the checkpoint gives scores that are not numbers; its weights are damaged, use another")
    return found


def choose_device(name: str) -> torch.device:
    """`auto` is the first accelerator, or the processor where there is none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
