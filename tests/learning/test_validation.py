from pathlib import Path

import pytest
import torch

from im2latex.learning.batches import BatchParams, Samples
from im2latex.learning.network import Network
from im2latex.learning.validation import Validation

CPU = torch.device("cpu")


def test_scores_do_not_depend_on_the_batches(network: Network, shards: Path) -> None:
    samples = Samples(shards, "val")
    first, second = (
        Validation(samples, 5, BatchParams(max_pictures=size, max_pixels=20_000, max_tokens=200)).score(network, CPU)
        for size in (1, 10)
    )
    assert set(first) == {"val_loss", "val_token_error", "val_exact"}
    assert first["val_token_error"] == second["val_token_error"] > 0
    assert first["val_loss"] == pytest.approx(second["val_loss"], rel=1e-3)
