import json
from pathlib import Path

import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.models.model import ModelParams, Network
from im2latex.training.checkpoint import Ancestor, Checkpoint, load_checkpoint, save_checkpoint
from im2latex.types import Shape


@pytest.fixture
def checkpoint(network: Network, model: ModelParams, vocabulary: Vocabulary) -> Checkpoint:
    words = Vocabulary(vocabulary.tokens, {"a": 3}, {r"\geqslant": r"\ge"})
    made, before = {"dpi": 200, "downsample": 2, "padding_px": 8}, (Ancestor("0f", "d0", 5),)
    return Checkpoint(network, model, words, [Shape(16, 32, 4)], "a1", {"seed": 3}, {"steps": 7}, made, before)


def test_what_is_saved_is_loaded(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(checkpoint, tmp_path / "new")
    loaded = load_checkpoint(tmp_path / "new")
    assert not loaded.network.training
    for name in ("tokens", "counts", "merges"):
        assert getattr(loaded.vocabulary, name) == getattr(checkpoint.vocabulary, name)
    for name in ("model", "shapes", "dataset_hash", "recipe", "counts", "max_tokens", "images", "started_from"):
        assert getattr(loaded, name) == getattr(checkpoint, name)
    for name, weight in checkpoint.network.state_dict().items():
        assert torch.equal(weight, loaded.network.state_dict()[name])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["checkpoint.json", "model.safetensors"]


def test_a_checkpoint_from_before_synonyms_and_ancestors_is_read(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(checkpoint, tmp_path)
    content = json.loads((tmp_path / "checkpoint.json").read_text())
    del content["vocabulary"]["merges"], content["images"], content["started_from"]
    (tmp_path / "checkpoint.json").write_text(json.dumps(content))
    loaded = load_checkpoint(tmp_path)
    assert (loaded.vocabulary.merges, loaded.images, loaded.started_from) == ({}, {}, ())


def test_the_same_checkpoint_has_the_same_bytes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for name in ("1", "2"):
        save_checkpoint(checkpoint, tmp_path / name)
    for name in ("checkpoint.json", "model.safetensors"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_missing_or_damaged_checkpoint_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no checkpoint"):
        load_checkpoint(tmp_path)
    save_checkpoint(checkpoint, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ArtifactError, match="damaged checkpoint"):
        load_checkpoint(tmp_path)
    save_checkpoint(checkpoint, tmp_path)
    content = json.loads((tmp_path / "checkpoint.json").read_text())
    del content["shapes"]
    (tmp_path / "checkpoint.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="shapes"):
        load_checkpoint(tmp_path)
