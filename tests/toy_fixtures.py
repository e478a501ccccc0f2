"""A toy dataset whose images spell their tokens: each token is a column of bars."""

import io
from copy import deepcopy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from im2latex.config import check
from im2latex.dataset.buckets import save_shapes
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.io.parquet import write_table
from im2latex.models.model import ModelParams, Network
from im2latex.schemas import SAMPLES, formula_id
from im2latex.training.config import TrainParams

LETTERS = "abcdef"
SMALL_MODEL = {
    "encoder": {
        "name": "conv",
        "channels": [4, 8, 16],
        "blocks": [0, 1, 1],
        "features": 32,
        "heads": 2,
        "layers": 1,
        "dropout": 0.1,
    },
    "decoder": {"name": "transformer", "features": 32, "heads": 2, "layers": 2, "dropout": 0.1},
}
"""Parameters of a network that is fast on a CPU."""
SHAPES = np.array([[16, 32, 4], [32, 64, 8]])


def draw(letters: str) -> bytes:
    pixels = np.full((12, 7 * len(letters) + 2), 255, dtype=np.uint8)
    for place, letter in enumerate(letters):
        code = LETTERS.index(letter) + 1
        for bit in range(3):
            if code >> bit & 1:
                pixels[1 + 4 * bit : 3 + 4 * bit, 7 * place + 2 : 7 * place + 7] = 0
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write_split(folder: Path, words: list[str], vocabulary: Vocabulary) -> None:
    rows = [
        {
            "formula_id": formula_id(word),
            "latex": " ".join(word),
            "tokens": vocabulary.encode(word),
            "bucket": int(len(word) > 4),
            "width": 7 * len(word) + 2,
            "height": 12,
            "image": {"bytes": draw(word), "path": None},
        }
        for word in words
    ]
    write_table(pa.Table.from_pylist(rows, schema=SAMPLES), folder / "shard-00000.parquet")


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary([*SPECIALS, *LETTERS])


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary) -> Path:
    """Twenty words of one to eight letters for training; half of them again in val."""
    folder = tmp_path_factory.mktemp("shards")
    generator = np.random.default_rng(5)
    words = ["".join(generator.choice(list(LETTERS), size=1 + index % 8)) for index in range(20)]
    write_split(folder / "train", words, vocabulary)
    write_split(folder / "val", words[::2], vocabulary)
    save_shapes(SHAPES, folder / "buckets.json")
    return folder


@pytest.fixture
def values() -> dict[str, object]:
    """A small valid recipe as plain values, for a test to change."""
    return {
        "preset": None,
        "seed": 3,
        "model": deepcopy(SMALL_MODEL),
        "batches": {"max_images": 10, "max_pixels": 20_000, "max_tokens": 200},
        "augmentation": {"contrast": 0.2, "brightness": 0.05, "noise": 0.02},
        "budget": {"samples": 60},
        "optimizer": {
            "hidden": "muon",
            "hidden_learning_rate": 0.01,
            "others": "adamw",
            "learning_rate": 0.005,
            "momentum": 0.95,
            "betas": [0.9, 0.98],
            "weight_decay": 0.01,
            "others_weight_decay": 0.0,
        },
        "schedule": {
            "warmup_samples": 20,
            "decay": "linear",
            "decay_share": 0.2,
            "drop_factor": 0.5,
            "drop_floor": 0.0,
            "drop_at_samples": [],
            "drop_patience": 3,
            "drop_against": "best",
        },
        "gradient_accumulation": 1,
        "label_smoothing": 0.05,
        "ctc_weight": 0.5,
        "clip_norm": 1.0,
        "loss_spike_factor": 0,
        "ema_samples": 20,
        "validate_every_samples": 30,
        "validation_samples": 5,
        "monitor": "val_loss",
        "early_stopping_patience": 0,
        "select_checkpoint": "last",
        "precision": "32-true",
    }


@pytest.fixture
def recipe(values: dict[str, object]) -> TrainParams:
    return check(values, TrainParams, "recipe")


@pytest.fixture
def model(recipe: TrainParams) -> ModelParams:
    return recipe.model


@pytest.fixture
def network(model: ModelParams, vocabulary: Vocabulary) -> Network:
    """Fresh weights, in evaluation mode."""
    import torch

    torch.manual_seed(0)
    return Network(model, len(vocabulary)).eval()
