"""Average of a fine-tuned checkpoint and the checkpoint it started from: python -m recipes.average START TUNED OUT

reads   START, TUNED   checkpoint folders; TUNED was trained with `train.init_from` START
writes  OUT            a checkpoint whose weights lie between both

Wortsman et al. 2022 (arXiv 2109.01903, section 3): weights on the line between a model and its fine-tuned version keep
what the first knows and most of what the second has learned. Rows of tokens that START does not know are those of
TUNED, and so are counts.
"""

import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from im2latex.errors import Im2LatexError
from im2latex.training.checkpoint import load_checkpoint, save_checkpoint
from im2latex.training.finetune import load_pretrained, open_pretrained


def main(
    start: Annotated[str, typer.Argument(help="value of `train.init_from` in the training")],
    tuned: Annotated[Path, typer.Argument(help="checkpoint of the training")],
    out: Annotated[Path, typer.Argument(help="folder of the new checkpoint")],
    share: Annotated[float, typer.Option(min=0, max=1, help="weight of the training's checkpoint")] = 0.5,
) -> None:
    """Write a checkpoint whose weights are (1 - share) of the first and share of the second."""
    checkpoint = load_checkpoint(tuned)
    network = checkpoint.network.float()
    before = deepcopy(network)  # where START has no row for a token, that of TUNED stays
    earliest = open_pretrained(start)
    load_pretrained(before, checkpoint.model, checkpoint.vocabulary, earliest)
    earlier, later = before.state_dict(), network.state_dict()
    mixed = {
        name: torch.lerp(earlier[name], weight, share) if weight.is_floating_point() else weight
        for name, weight in later.items()
    }
    network.load_state_dict(mixed)
    shapes = list(dict.fromkeys([*earliest.checkpoint.shapes, *checkpoint.shapes]))  # both know pages of their sizes
    save_checkpoint(replace(checkpoint, network=network, shapes=shapes), out)


if __name__ == "__main__":
    try:
        typer.run(main)
    except Im2LatexError as error:
        sys.exit(f"average: {error}")
