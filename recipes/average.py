"""Average of a fine-tuned checkpoint and the checkpoint it started from: python -m recipes.average INITIAL TUNED OUT

reads   INITIAL, TUNED   checkpoint folders; TUNED was trained with `train.init_from` INITIAL
writes  OUT              a checkpoint whose weights are interpolated between both

Wortsman et al. 2022 (arXiv 2109.01903, section 3): weights on the line between a model and its fine-tuned version keep
the accuracy of the first on its data and gain most of the accuracy of the second. Rows of tokens that INITIAL lacks,
and the counts, are those of TUNED.
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
    initial: Annotated[str, typer.Argument(help="value of `train.init_from` in the fine-tuning")],
    tuned: Annotated[Path, typer.Argument(help="fine-tuned checkpoint")],
    out: Annotated[Path, typer.Argument(help="folder of the new checkpoint")],
    alpha: Annotated[float, typer.Option(min=0, max=1, help="weight of the fine-tuned checkpoint")] = 0.5,
) -> None:
    """Write a checkpoint whose weights are (1 - alpha) * INITIAL + alpha * TUNED."""
    checkpoint = load_checkpoint(tuned)
    network = checkpoint.network.float()
    initial_network = deepcopy(network)  # so that rows of tokens that INITIAL lacks stay those of TUNED
    pretrained = open_pretrained(initial)
    load_pretrained(initial_network, checkpoint.model, checkpoint.vocabulary, pretrained)
    initial_weights = initial_network.state_dict()
    averaged = {
        name: torch.lerp(initial_weights[name], weight, alpha) if weight.is_floating_point() else weight
        for name, weight in network.state_dict().items()
    }
    network.load_state_dict(averaged)
    shapes = list(dict.fromkeys([*pretrained.checkpoint.shapes, *checkpoint.shapes]))  # both were trained on theirs
    save_checkpoint(replace(checkpoint, network=network, shapes=shapes), out)


if __name__ == "__main__":
    try:
        typer.run(main)
    except Im2LatexError as error:
        sys.exit(f"average: {error}")
