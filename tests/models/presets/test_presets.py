"""Every family is one change in params.yaml, has the published number of weights, and computes what it says."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.models.encoders.conv import ConvEncoder
from im2latex.models.encoders.row_lstm import RowLstmEncoder
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset, preset_names, with_preset
from im2latex.training.config import TrainParams

PARAMS: dict[str, Any] = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())["train"]
NAMES = preset_names()
SMALL = [name for name in NAMES if name.endswith("-small")]
LARGE = [name for name in NAMES if name not in SMALL]

TOKENS = torch.tensor([[1, 5, 6, 7, 8], [1, 9, 4, 4, 5], [1, 8, 8, 5, 7]])
SINGH, DENG = 339, 500
"""Entries of the vocabularies with which the published numbers of weights were counted; that of Deng et al. is near."""


def network_of(name: str, vocabulary: int = 12) -> Network:
    torch.manual_seed(0)
    return Network(check(load_preset(name)["model"], ModelParams, name), vocabulary)


def weights_of(name: str, vocabulary: int) -> int:
    return sum(weight.numel() for weight in network_of(name, vocabulary).parameters())


def random_images(count: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, 40, 90), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_one_change_in_params(name: str) -> None:
    recipe = check(PARAMS | {"preset": name}, TrainParams, "params.yaml: train")
    assert recipe.preset == name
    assert recipe.model == check(load_preset(name)["model"], ModelParams, name)
    assert check(recipe.model_dump(mode="json"), TrainParams, "saved") == recipe


@pytest.mark.parametrize(
    ("name", "vocabulary", "published", "tolerance"),
    [
        ("i2l-nopool-paper", SINGH, 61.2e6, 0.001),
        ("i2l-strips-paper", SINGH, 71.0e6, 0.001),
        ("wygiwys-paper", DENG, 9.4e6, 0.01),
        ("resnet-transformer-paper", 500, 3.54e6, 0.01),
    ],
)
def test_the_number_of_weights_is_the_published_one(
    name: str, vocabulary: int, published: float, tolerance: float
) -> None:
    assert weights_of(name, vocabulary) == pytest.approx(published, rel=tolerance)


def test_the_published_transformer_of_3_74_million_has_a_fourth_layer() -> None:
    values = copy.deepcopy(load_preset("resnet-transformer-paper")["model"])
    values["decoder"]["layers"] = 4
    network = Network(check(values, ModelParams, "model"), 500)
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(3.74e6, rel=0.01)


@pytest.mark.parametrize("name", SMALL)
def test_small_is_at_most_three_million(name: str) -> None:
    assert weights_of(name, 500) <= 3_000_000


@pytest.mark.parametrize("name", SMALL)
def test_shapes_and_attention(name: str) -> None:
    network = network_of(name).eval()
    logits, ctc_logits, attention = network(random_images(), TOKENS, need_weights=True)
    rows, columns = network.encoder.geometry(40, 90)[:2]
    assert logits.shape == (3, 5, 12)
    assert (ctc_logits is None) == (not name.startswith("fast"))
    assert attention is not None
    assert attention.shape == (3, 5, rows * columns) == (3, 5, network.encode(random_images()).shape[1])
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(3, 5))


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_steps_score_as_the_whole_sequence_and_rows_may_move(name: str) -> None:
    network = network_of(name).eval()
    images, order = random_images(), [2, 0]
    whole = network(images, TOKENS).logits
    state, moved = network.initial_state(images), network.initial_state(images)
    moved = [part[order] for part in moved]
    for place in range(TOKENS.shape[1]):
        logits, state = network.step(state, TOKENS[:, place])
        torch.testing.assert_close(logits, whole[:, place], atol=1e-5, rtol=0)
        turned, moved = network.step(moved, TOKENS[order, place])
        torch.testing.assert_close(turned, logits[order], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_neighbours_and_later_tokens_change_nothing(name: str) -> None:
    network = network_of(name).eval()
    whole = network(random_images(), TOKENS).logits
    alone = network(random_images()[1:2], TOKENS[1:2, :3]).logits
    torch.testing.assert_close(alone, whole[1:2, :3], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_the_image_matters(name: str) -> None:
    network = network_of(name).eval()
    white = torch.full_like(random_images(), 255)
    assert not torch.allclose(network(random_images(), TOKENS).logits, network(white, TOKENS).logits, atol=1e-6)


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_a_replaced_token_is_the_networks_own(name: str) -> None:
    network = network_of(name).eval()
    images = random_images()
    plain = network(images, TOKENS).logits
    replaced = torch.zeros_like(TOKENS, dtype=torch.bool)
    replaced[:, 2] = True
    own = TOKENS.clone()
    own[:, 2] = plain[:, 1].argmax(dim=1)
    torch.testing.assert_close(network(images, TOKENS, replaced).logits, network(images, own).logits)
    torch.testing.assert_close(network(images, TOKENS, torch.zeros_like(replaced)).logits, plain)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(8, 8), (28, 128), (96, 412)])
@torch.inference_mode()
def test_any_size_has_the_grid_of_its_geometry(name: str, size: tuple[int, int]) -> None:
    network = network_of(name).eval()
    rows, columns = network.encoder.geometry(*size)[:2]
    assert network.encode(torch.full((1, 1, *size), 255.0)).shape == (1, rows * columns, network.encoder.out_features)


@pytest.mark.parametrize("name", ["fast-small", "resnet-transformer-small", "i2l-nopool-small", "wygiwys-small"])
@pytest.mark.parametrize("axis", [0, 1])
def test_cells_are_in_the_middle_of_their_pixels(name: str, axis: int) -> None:
    encoder = network_of(name).double().encoder.eval()
    if isinstance(encoder, ConvEncoder):
        encoder.layers = torch.nn.ModuleList()  # they, and the LSTM below, mix all cells
    geometry = encoder.geometry(*((24, 256) if axis else (256, 24)))
    offset, stride = (geometry.vertical, geometry.horizontal)[axis]
    cell = round(128 / stride)
    ink = torch.rand((2, 1, 24, 256) if axis else (2, 1, 256, 24), dtype=torch.float64, requires_grad=True)
    if isinstance(encoder, RowLstmEncoder):
        grid = encoder.conv_stack(ink)
    else:
        grid = encoder(ink).unflatten(1, (geometry.columns, geometry.rows)).permute(0, 3, 2, 1)
    grid.select(2 + axis, cell).sum().backward()
    assert ink.grad is not None
    felt = ink.grad.abs().sum(dim=(0, 1, 3 - axis)).nonzero().flatten()
    assert felt[0] > 0
    assert felt[-1] < 255
    assert (felt[0] + felt[-1]) / 2 == offset + cell * stride


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_one_step_at_full_size(name: str) -> None:
    network = network_of(name).train()
    loss = network(random_images(1), TOKENS[:1]).logits.logsumexp(dim=2).mean()
    loss.backward()
    missing = [key for key, weight in network.named_parameters() if weight.grad is None]
    assert all(key.startswith("ctc_head") for key in missing)


def test_an_unknown_preset_is_reported_with_the_known_ones() -> None:
    with pytest.raises(
        ParamsError, match=r"^p: there is no preset 'fats'; known are fast-base, fast-large, fast-medium, fast-small, "
    ):
        check(PARAMS | {"preset": "fats"}, TrainParams, "p")


def test_explicit_keys_override_the_preset() -> None:
    before = check(PARAMS | {"preset": "wygiwys-small"}, TrainParams, "p")
    after = check(PARAMS | {"preset": "wygiwys-small", "optimizer": {"learning_rate": 0.5}}, TrainParams, "p")
    assert after.optimizer == before.optimizer.model_copy(update={"learning_rate": 0.5})
    assert check(after.model_dump(mode="json"), TrainParams, "saved") == after
    with pytest.raises(ParamsError, match=r"^p.optimizer.lerning_rate is not a known key"):
        check(PARAMS | {"optimizer": {"lerning_rate": 1}}, TrainParams, "p")


def test_another_encoder_replaces_that_of_the_preset() -> None:
    encoder = load_preset("wygiwys-small")["model"]["encoder"]
    model = {"encoder": encoder, "ctc_head": False, "decoder": {"features": encoder.get("features", 128)}}
    values = with_preset({"model": model}, "fast-tiny")
    assert values["model"]["encoder"] == encoder


def test_false_switches_off_what_the_preset_has() -> None:
    name = next(name for name in NAMES if load_preset(name).get("scheduled_sampling"))
    assert check({"preset": name}, TrainParams, "p").scheduled_sampling
    off = check({"preset": name, "scheduled_sampling": False}, TrainParams, "p")
    assert off.scheduled_sampling is False
    assert check(off.model_dump(mode="json"), TrainParams, "saved") == off


def test_null_is_not_explicit() -> None:
    assert with_preset({"ctc_weight": None}, "fast-tiny") == load_preset("fast-tiny")
    assert with_preset({"preset": None, "seed": None}, "fast-tiny") == {"preset": None}
