"""After seconds of training, each small preset predicts from the image, and its encoder has a gradient.

A decoder can ignore the image and still lower the loss, as a language model of formulas. This is a check for that; how
well a preset learns is measured by `benchmarks.presets`.
"""

from pathlib import Path

import pytest
import torch

from benchmarks.preset_search import image_dependence, val_batches
from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.models.presets import preset_names
from im2latex.training.config import TrainParams
from im2latex.training.trainer import Trainer
from tests.training.helpers import CPU

SAMPLES = 480
LEARNING = ["fast-tiny", *(name for name in preset_names() if name.endswith("-small"))]


@pytest.mark.trains
@pytest.mark.parametrize("name", LEARNING)
def test_predictions_depend_on_the_image(name: str, shards: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    values = {
        "preset": name,
        "budget": {"samples": SAMPLES},
        "schedule": {"warmup_samples": 40},
        "ema_samples": 20,
        "validate_every_samples": SAMPLES,
        "validation_samples": 1,
    }
    torch.set_num_threads(1)
    trainer = Trainer(check(values, TrainParams, name), shards, vocabulary, "data", tmp_path, settings=CPU)
    network = trainer.fit().network
    gradients = {key: weight.grad for key, weight in trainer.engine.network.named_parameters()}
    # Without the CTC head, whose own gradient exceeds all others where most places of the memory are blank paper.
    encoder, decoder = (
        sum(float(grad.square().sum()) for key, grad in gradients.items() if grad is not None and part in key)
        for part in ("encoder.", "decoder.")
    )
    assert encoder > 5e-4 * (encoder + decoder), "next to none of the gradient reaches the encoder"
    assert image_dependence(network, val_batches(shards))["image_dependence"] > 0.005
