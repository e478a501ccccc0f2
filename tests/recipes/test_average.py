"""Averages of a checkpoint and a fine-tuned one with another vocabulary."""

from pathlib import Path

import torch

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.models.model import ModelParams, Network
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.types import Shape
from recipes import average
from tests.toy_fixtures import LETTERS, model, network, recipe, values, vocabulary

__all__ = ["model", "network", "recipe", "values", "vocabulary"]


def test_weights_are_interpolated_and_rows_follow_their_tokens(
    network: Network, model: ModelParams, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    other = Vocabulary([*SPECIALS, *LETTERS[::-1], "new"])
    torch.manual_seed(3)
    tuned = Network(model, len(other)).eval()
    shapes = {"start": [Shape(16, 48, 4), Shape(16, 32, 4)], "tuned": [Shape(16, 32, 4), Shape(24, 32, 4)]}
    for name, words, weights in (("start", vocabulary, network), ("tuned", other, tuned)):
        save_checkpoint(Checkpoint(weights, model, words, shapes[name], "d", {}, {}), tmp_path / name)
    average.main(str(tmp_path / "start"), tmp_path / "tuned", tmp_path / "out", 0.25)
    found = load_checkpoint(tmp_path / "out")
    assert found.vocabulary.tokens == other.tokens
    assert found.shapes == [Shape(16, 48, 4), Shape(16, 32, 4), Shape(24, 32, 4)]
    first, second, between = network.state_dict(), tuned.state_dict(), found.network.state_dict()
    rows = ("ctc_head.weight", "ctc_head.bias")
    for token in other.tokens:
        index = other.tokens.index(token)
        for name in rows:
            later = second[name][index]
            earlier = first[name][vocabulary.tokens.index(token)] if token in vocabulary.tokens else later
            torch.testing.assert_close(between[name][index], 0.75 * earlier + 0.25 * later)
    name = "encoder.norm.weight"
    torch.testing.assert_close(between[name], 0.75 * first[name] + 0.25 * second[name])
