"""A checkpoint that has learned nothing, for examples that read."""

from pathlib import Path

import pytest

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.models.model import ModelParams, Network
from im2latex.training.checkpoint import Checkpoint, save_checkpoint
from im2latex.types import Shape
from tests.toy_fixtures import model, network, recipe, values, vocabulary

__all__ = ["checkpoint", "model", "network", "recipe", "values", "vocabulary"]


@pytest.fixture
def checkpoint(network: Network, model: ModelParams, vocabulary: Vocabulary, tmp_path: Path) -> Path:
    """Its folder."""
    save_checkpoint(Checkpoint(network, model, vocabulary, [Shape(64, 512, 9)], "a1", {}, {}), tmp_path / "checkpoint")
    return tmp_path / "checkpoint"
