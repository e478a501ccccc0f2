"""What sets the two recurrent decoders apart; what they share is tested for every preset in tests/learning/presets."""

from typing import Any

import pytest
import torch

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset

TOKENS = torch.tensor([[1, 5, 6, 7]])
IMAGES = torch.randint(0, 256, (1, 1, 40, 90), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def network(name: str) -> Network:
    torch.manual_seed(0)
    return Network(check(load_preset(name)["model"], ModelParams, name), 12).eval()


def attention(model: Network, tokens: torch.Tensor) -> torch.Tensor:
    weights: torch.Tensor | None = model(IMAGES, tokens, need_weights=True).attention
    assert weights is not None
    return weights


@pytest.mark.parametrize(("name", "place"), [("i2l-nopool-small", 2), ("wygiwys-small", 1)])
def test_who_looks_first_does_not_know_the_token_yet(name: str, place: int) -> None:
    """A changed second token moves the attention of its own row only where the LSTM steps before it looks."""
    model = network(name)
    changed = TOKENS.clone()
    changed[0, 1] = 9
    moved = (attention(model, TOKENS) - attention(model, changed)).abs().amax(dim=2)[0] > 1e-9
    assert moved.tolist() == [index >= place for index in range(4)]


def test_the_output_vector_is_fed_back() -> None:
    model = network("wygiwys-small")
    _, state = model.step(model.initial_state(IMAGES), torch.tensor([1]))
    plain, _ = model.step(state, torch.tensor([5]))
    starved, _ = model.step([*state[:-1], torch.zeros_like(state[-1])], torch.tensor([5]))
    assert not torch.allclose(plain, starved)


@pytest.mark.parametrize("name", ["i2l-nopool-small", "i2l-strips-small", "wygiwys-small"])
def test_every_step_sees_the_memory(name: str) -> None:
    model = network(name)
    memory, *rest = model.initial_state(IMAGES)
    plain, _ = model.step([memory, *rest], torch.tensor([5]))
    blind, _ = model.step([torch.zeros_like(memory), *rest], torch.tensor([5]))
    assert not torch.allclose(plain, blind, atol=1e-6)


def test_skips_lead_what_is_seen_to_the_output() -> None:
    values: dict[str, Any] = load_preset("i2l-strips-small")["model"]
    deep = [160, 32 + 160 + 960]
    for skips, width in zip((False, True), deep, strict=True):
        values["decoder"]["skips"] = skips
        model = Network(check(values, ModelParams, "model"), 12)
        assert model.get_parameter("decoder.hidden.0.weight").shape[1] == width


def test_all_positions_at_once_need_images_of_one_size() -> None:
    values: dict[str, Any] = load_preset("wygiwys-small")["model"]
    values["decoder"]["initial_state"] = {"source": "all", "hidden": 4}
    with pytest.raises(ParamsError, match="^m: decoder with initial_state all needs images of one size"):
        check(values, ModelParams, "m")
