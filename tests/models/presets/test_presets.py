"""Every family is one change in params.yaml, has the published number of weights, and computes what it says."""

from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from im2latex.config import check, check_keys, merge
from im2latex.errors import ParamsError
from im2latex.inference.predict_split import PredictParams
from im2latex.models.encoders.conv import ConvEncoder
from im2latex.models.encoders.conv_stack import ConvStackEncoder
from im2latex.models.encoders.row_lstm import RowLstmEncoder
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset, preset_names, with_preset
from im2latex.training.config import DEFAULT_SAMPLES, TrainParams
from recipes.full import DEFAULTS, options
from recipes.overrides import check_params, parse_assignment

ALL_PARAMS: dict[str, Any] = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())
PARAMS: dict[str, Any] = ALL_PARAMS["train"]
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
        ("resnet-transformer-4-layer-paper", 500, 3.74e6, 0.01),
    ],
)
def test_the_number_of_weights_is_the_published_one(
    name: str, vocabulary: int, published: float, tolerance: float
) -> None:
    assert weights_of(name, vocabulary) == pytest.approx(published, rel=tolerance)


@pytest.mark.parametrize("name", SMALL)
def test_small_is_at_most_three_million(name: str) -> None:
    assert weights_of(name, 500) <= 3_000_000


@pytest.mark.parametrize("name", SMALL)
def test_shapes_and_attention(name: str) -> None:
    network = network_of(name).eval()
    logits, ctc_logits, attention = network(random_images(), TOKENS, need_weights=True)
    rows, columns = network.encoder.geometry(40, 90)[:2]
    assert logits.shape == (3, 5, 12)
    assert (ctc_logits is None) == (not load_preset(name)["model"]["ctc_head"])
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
    if isinstance(encoder, ConvStackEncoder) and encoder.params.image_size:
        encoder.params = encoder.params.model_copy(update={"image_size": (256, 256)})
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


PUBLISHED = {  # images in a batch, epochs, beam, downsampling of pages of 200 dpi
    "i2l-nopool-paper": (56, 104, 10, 1),
    "i2l-strips-paper": (56, 104, 10, 1),
    "wygiwys-paper": (20, 15, 5, 2),
    "seq2seq-attention-cnn-paper": (20, 15, 5, 2),
    "seq2seq-attention-vanilla-paper": (20, 15, 5, 2),
    "seq2seq-positional-paper": (32, 25, 5, 2),
    "resnet-transformer-paper": (8, 15, 1, 1),
    "resnet-transformer-4-layer-paper": (32, 30, 1, 2),
}


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-paper")])
def test_the_name_of_a_published_preset_is_the_whole_change(name: str) -> None:
    train = check(PARAMS | {"preset": name}, TrainParams, "params.yaml: train")
    predict = check(ALL_PARAMS["predict"], PredictParams, "params.yaml: predict").for_preset(name)
    downsample = load_preset(name, "render")["image"]["downsample"]
    assert (train.batches.max_images, train.budget.epochs, predict.beam, downsample) == PUBLISHED[name]
    assert train.budget.samples is None
    assert train.augmentation.contrast == 0
    settings = [text.partition("=") for text in options(name)]
    content = reduce(lambda values, one: merge(values, parse_assignment("".join(one))), settings, ALL_PARAMS)
    check_params(content)
    assert all(load_preset(name, section).items() <= content[section].items() for section in ("bucket", "filter"))


def test_a_preset_without_a_budget_has_one_on_the_whole_dataset() -> None:
    assert "train.budget.epochs=10" in options("fast-small")
    assert {text for text in options("wygiwys-paper") if text.startswith("train.budget")} == {
        f"train.budget.{name}=null" for name in ("samples", "epochs", "minutes", "deadline_seconds")
    }


def content_after(*calls: list[str]) -> dict[str, Any]:
    """params.yaml after `dvc exp run` with these options, one call after the other."""
    content = ALL_PARAMS
    for text in (one for call in calls for one in call):
        content = merge(content, parse_assignment(text))
    return content


def test_nothing_remains_of_the_preset_before() -> None:
    for name in NAMES:
        alone = content_after(options(name))
        assert content_after(options("i2l-strips-paper"), options("fast-small"), options(name)) == alone
        for section in DEFAULTS:
            assert merge(alone[section], load_preset(name, section)) == alone[section]
    assert content_after(options("i2l-strips-paper"), options("fast-tiny", "sample")) == ALL_PARAMS


def test_the_defaults_of_the_data_stages_are_those_of_params_yaml() -> None:
    assert content_after(options(PARAMS["preset"], ALL_PARAMS["dataset"])) == ALL_PARAMS


def test_an_explicit_budget_replaces_that_of_the_preset() -> None:
    budget = {"samples": 10**7, "epochs": None, "minutes": None, "deadline_seconds": None}
    train = check(PARAMS | {"preset": "wygiwys-paper", "budget": budget}, TrainParams, "p")
    assert (train.budget.samples, train.budget.epochs) == (10**7, None)
    assert check(PARAMS | {"budget": budget | {"samples": None}}, TrainParams, "p").budget.samples == DEFAULT_SAMPLES


def test_explicit_keys_of_nested_sections_override_the_preset() -> None:
    changes = {"batches": {"max_images": 4, "max_pixels": None}, "augmentation": {"noise": 0.1, "contrast": None}}
    train = check(PARAMS | {"preset": "wygiwys-paper"} | changes, TrainParams, "p")
    assert (train.batches.max_images, train.batches.max_pixels) == (4, 10**9)
    assert (train.augmentation.noise, train.augmentation.contrast) == (0.1, 0)
    assert check({"beam": 2, "length_penalty": None}, PredictParams, "p").for_preset("wygiwys-paper").beam == 2
    assert check({"beam": None}, PredictParams, "p").for_preset("of a team that is not here").beam == 1


def test_an_unknown_key_with_a_value_of_null_is_reported() -> None:
    with pytest.raises(ParamsError, match=r"^p.budget.sampels is not a known key"):
        check_keys({"budget": {"sampels": None}}, TrainParams, "p")


@pytest.mark.parametrize(("name", "largest"), [("glorot", None), ("uniform", 0.05)])
def test_the_initialization_is_the_one_that_is_named(name: str, largest: float | None) -> None:
    values = load_preset("wygiwys-small")["model"]
    initialization = {"name": name} | ({"range": largest} if largest else {})
    torch.manual_seed(0)
    network = Network(check(values | {"initialization": initialization}, ModelParams, "model"), 12)
    if largest:
        greatest = max(float(weight.detach().abs().max()) for weight in network.parameters())
        assert 0.9 * largest < greatest <= largest
        return
    matrix = network.get_parameter("decoder.combine.weight").detach()
    limit = (6 / sum(matrix.shape)) ** 0.5
    assert 0.95 * limit < float(matrix.abs().max()) <= limit
    assert not network.get_parameter("decoder.output.bias").detach().any()
    assert network.get_parameter("encoder.conv_stack.layers.7.weight").detach().eq(1).all()  # a batch norm


def test_the_resnet_transformers_begin_as_published() -> None:
    network = network_of("resnet-transformer-paper", 500)
    for name in ("decoder.embedding.weight", "decoder.output.weight"):
        weight = network.get_parameter(name).detach()
        assert 0.099 < float(weight.abs().max()) <= 0.1
        assert float(weight.std()) == pytest.approx(0.2 / 12**0.5, rel=0.02)
    assert not network.get_parameter("decoder.output.bias").detach().any()
    projection = network.get_parameter("encoder.project.weight").detach()
    assert float(projection.std()) == pytest.approx((2 / projection.shape[0]) ** 0.5, rel=0.05)
    bias = network.get_parameter("encoder.project.bias").detach()
    assert float(bias.mean()) == pytest.approx(-(projection.shape[0] ** -0.5), rel=0.3)
