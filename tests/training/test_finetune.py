from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ParamsError
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset, preset_names
from im2latex.training.checkpoint import Ancestor, Checkpoint, save_checkpoint
from im2latex.training.config import TrainParams
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.engine import TrainingEngine
from im2latex.training.finetune import (
    Pretrained,
    check_same_model,
    load_pretrained,
    open_pretrained,
    token_dimensions,
)
from im2latex.training.optim import OPTIMIZER_STATE
from im2latex.training.trainer import Trainer
from im2latex.types import Shape
from tests.toy_fixtures import LETTERS
from tests.training.helpers import CPU


@pytest.fixture
def earlier(network: Network, model: ModelParams, vocabulary: Vocabulary, tmp_path: Path) -> Path:
    """A saved checkpoint that was itself started from another."""
    folder = tmp_path / "earlier"
    shapes, counts, before = [Shape(16, 32, 4)], {"samples": 70}, (Ancestor("0f", "d0", 5),)
    save_checkpoint(Checkpoint(network, model, vocabulary, shapes, "d1", {}, counts, started_from=before), folder)
    return folder


def fresh(model: ModelParams, vocabulary: Vocabulary) -> Network:
    torch.manual_seed(1)
    return Network(model, len(vocabulary)).eval()


def test_the_same_vocabulary_gives_the_same_network(model: ModelParams, vocabulary: Vocabulary, earlier: Path) -> None:
    start = open_pretrained(str(earlier))
    network = fresh(model, vocabulary)
    load_pretrained(network, model, vocabulary, start)
    for name, weight in start.checkpoint.network.state_dict().items():
        assert torch.equal(network.state_dict()[name], weight), name


def test_rows_follow_their_tokens_and_new_tokens_begin_fresh(
    model: ModelParams, vocabulary: Vocabulary, earlier: Path
) -> None:
    start = open_pretrained(str(earlier))
    other = Vocabulary([*SPECIALS, "z", *LETTERS[::-1][:-1], "y"])  # turned round, without a, with z and y
    network, untouched = fresh(model, other), fresh(model, other)
    load_pretrained(network, model, other, start)
    new, first, old = network.state_dict(), untouched.state_dict(), start.checkpoint.network.state_dict()
    rows = token_dimensions(model)
    assert {"ctc_head.weight", "ctc_head.bias"} < set(rows)
    assert any("decoder" in name for name in rows)
    for name, dimension in rows.items():
        for index, token in enumerate(other.tokens):
            source, place = (first, index) if token in "zy" else (old, vocabulary.tokens.index(token))
            assert torch.equal(new[name].select(dimension, index), source[name].select(dimension, place)), (name, token)


def test_predictions_survive_a_vocabulary_that_grew(model: ModelParams, vocabulary: Vocabulary, earlier: Path) -> None:
    start = open_pretrained(str(earlier))
    grown = Vocabulary([*vocabulary.tokens, "z"])
    network = fresh(model, grown)
    load_pretrained(network, model, grown, start)
    images, tokens = torch.full((1, 1, 16, 32), 255, dtype=torch.uint8), torch.tensor([[1, 4, 5]])
    before, after = (one(images, tokens).logits for one in (start.checkpoint.network, network))
    assert torch.allclose(before, after[..., : len(vocabulary)], atol=1e-6)


def test_the_first_difference_of_two_models_is_named(
    values: dict[str, dict[str, dict[str, object]]], vocabulary: Vocabulary, earlier: Path
) -> None:
    values["model"]["encoder"] |= {"dropout": 0.3}
    dropped = TrainParams.model_validate(values).model
    load_pretrained(fresh(dropped, vocabulary), dropped, vocabulary, open_pretrained(str(earlier)))
    values["model"]["encoder"] |= {"layers": 0}
    other = TrainParams.model_validate(values).model
    with pytest.raises(ParamsError, match=r"train\.model\.encoder\.layers = 0: .* has 1;"):
        load_pretrained(fresh(other, vocabulary), other, vocabulary, open_pretrained(str(earlier)))


def test_the_preset_is_the_remedy_where_several_settings_differ(
    values: dict[str, dict[str, dict[str, object]]], vocabulary: Vocabulary, earlier: Path
) -> None:
    values["model"]["encoder"] |= {"layers": 0, "heads": 4}
    other = TrainParams.model_validate(values).model
    start = open_pretrained(str(earlier))
    start.checkpoint.recipe["preset"] = "fast-base"
    with pytest.raises(ParamsError, match="set train.preset = fast-base"):
        load_pretrained(fresh(other, vocabulary), other, vocabulary, start)


@pytest.mark.parametrize(
    ("part", "changes"),
    [("encoder", {"layers": 3}), ("decoder", {"layers": 3}), ("encoder", {"blocks": [0, 1, 2]})],
)
def test_a_deeper_model_predicts_the_same_at_first(
    values: dict[str, dict[str, dict[str, object]]],
    vocabulary: Vocabulary,
    earlier: Path,
    part: str,
    changes: dict[str, object],
) -> None:
    values["model"][part] |= changes
    deeper = TrainParams.model_validate(values).model
    start, network = open_pretrained(str(earlier)), fresh(deeper, vocabulary)
    load_pretrained(network, deeper, vocabulary, start)
    images, tokens = torch.randint(0, 255, (1, 1, 16, 32), dtype=torch.uint8), torch.tensor([[1, 4, 5]])
    before, after = (one(images, tokens).logits for one in (start.checkpoint.network, network))
    assert torch.allclose(before, after, atol=1e-6)
    assert len(network.state_dict()) > len(start.checkpoint.network.state_dict())


def test_blocks_can_only_be_added_behind_the_last(
    values: dict[str, dict[str, dict[str, object]]], vocabulary: Vocabulary, earlier: Path
) -> None:
    values["model"]["encoder"] |= {"blocks": [1, 1, 2]}
    other = TrainParams.model_validate(values).model
    with pytest.raises(ParamsError, match=r"train\.model\.encoder\.blocks = \[1, 1, 2\]"):
        load_pretrained(fresh(other, vocabulary), other, vocabulary, open_pretrained(str(earlier)))


def test_a_hash_in_the_parameter_refuses_other_weights(earlier: Path) -> None:
    start = open_pretrained(str(earlier))
    assert open_pretrained(start.name).weights == start.weights
    assert open_pretrained(f"{earlier}@{start.weights}").folder == earlier
    other = f"{earlier}@{'0' * 8}"
    with pytest.raises(ParamsError, match=f"the weights there have the hash {start.weights[:8]}"):
        open_pretrained(other)
    with pytest.raises(ParamsError, match="no checkpoint.json there"):
        open_pretrained(str(earlier.parent))


def test_three_more_epochs_and_the_history(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, earlier: Path, tmp_path: Path
) -> None:
    params = TrainParams.model_validate({**values, "init_from": str(earlier), "budget": {"epochs": 3}})
    start = open_pretrained(str(earlier))
    trainer = Trainer(params, shards, vocabulary, "d2", tmp_path / "state", settings=CPU, pretrained=start)
    checkpoint = trainer.fit()
    assert checkpoint.counts["samples"] == checkpoint.counts["sample_budget"] == 3 * 20
    assert checkpoint.started_from == (Ancestor("0f", "d0", 5), Ancestor(start.weights, "d1", 70))
    moved = start.checkpoint.network.state_dict()["ctc_head.bias"] - checkpoint.network.state_dict()["ctc_head.bias"]
    assert 0 < moved.abs().max() < 0.5, "few steps from where it started"


def test_the_state_of_the_optimizers_is_loaded_with_the_weights(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    dataset = MemoryMappedDataset(shards, "train")
    first = TrainingEngine(Fabric(accelerator="cpu"), recipe, dataset, vocabulary, "data", tmp_path)
    first.state.total = 1000
    for _ in range(3):
        first.train_step()
    folder = tmp_path / "start"
    save_checkpoint(first.checkpoint("last"), folder)
    saved = first.optimizer_state()
    save_file(saved, folder / OPTIMIZER_STATE)
    start = open_pretrained(str(folder))
    second = TrainingEngine(Fabric(accelerator="cpu"), recipe, dataset, vocabulary, "data", tmp_path, start)
    again = second.optimizer_state()
    assert again.keys() == saved.keys()
    for name, value in saved.items():
        assert torch.equal(value, again[name]), name
    second.state.total = 1000
    second.train_step()
    other = Vocabulary([*SPECIALS, *"fabcde"])
    moved = TrainingEngine(Fabric(accelerator="cpu"), recipe, dataset, other, "data", tmp_path, start)
    assert moved.optimizer_state() == {}, "the ids differ"


def test_other_presets_are_refused_with_one_sentence() -> None:
    models = {name: ModelParams.model_validate(load_preset(name)["model"]) for name in preset_names()}
    accepted, sentences = set[tuple[str, str]](), list[str]()
    for name, model in models.items():
        earlier = SimpleNamespace(model=model, recipe={"preset": name})
        pretrained = Pretrained(Path("earlier"), "0" * 64, cast(Checkpoint, earlier))
        for other in (other for other in models if models[other] != model):
            try:
                check_same_model(models[other], pretrained)
                accepted.add((name, other))
            except ParamsError as error:
                sentences.append(str(error))
    assert accepted == set()
    assert not any("\n" in sentence for sentence in sentences)
