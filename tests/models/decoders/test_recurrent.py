"""LSTM cell, initial state, and the differences of the two recurrent decoders; tests of all presets: models/presets."""

from typing import Any

import pytest
import torch
from torch import nn

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.models.decoders.recurrent import InitialState, InitialStateParams, LstmCell
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
def test_attention_before_the_cell_does_not_depend_on_the_token(name: str, place: int) -> None:
    """A changed second token moves the attention of its own row only where the LSTM steps before the attention."""
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
    for skips in (False, True):
        values["decoder"]["skips"] = skips
        model = Network(check(values, ModelParams, "model"), 12)
        width = 32 + 192 + model.encoder.out_features if skips else 192
        assert model.get_parameter("decoder.hidden.0.weight").shape[1] == width


def test_all_positions_at_once_need_images_of_one_size() -> None:
    values: dict[str, Any] = load_preset("wygiwys-small")["model"]
    values["decoder"]["initial_state"] = {"source": "all", "hidden": 4}
    with pytest.raises(ParamsError, match="^m: decoder with initial_state all needs images of one size"):
        check(values, ModelParams, "m")


MEMORY = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(2))


def states(source: str, memory: torch.Tensor, hidden: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(0)
    params = InitialStateParams.model_validate({"source": source, "hidden": hidden})
    made: list[torch.Tensor] = InitialState(params, [3, 5], width=4, positions=6)(memory)
    return made


def test_there_is_a_state_of_each_size() -> None:
    for source in ("zeros", "mean", "all"):
        assert [state.shape for state in states(source, MEMORY, hidden=2)] == [(2, 3), (2, 5)]
    assert all(not state.any() for state in states("zeros", MEMORY))


def test_the_mean_initial_state_ignores_order_and_all_does_not() -> None:
    turned = MEMORY.flip(1)
    torch.testing.assert_close(states("mean", turned), states("mean", MEMORY))
    assert not torch.allclose(states("all", turned)[0], states("all", MEMORY)[0])


def test_without_peepholes_it_is_the_usual_cell() -> None:
    torch.manual_seed(0)
    cell, usual = LstmCell(5, 4, peephole=False), nn.LSTMCell(5, 4)
    with torch.no_grad():
        entering, forgetting, leaving, new = cell.gates.weight.chunk(4)
        usual.weight_ih.copy_(torch.cat([entering, forgetting, new, leaving])[:, :5])
        usual.weight_hh.copy_(torch.cat([entering, forgetting, new, leaving])[:, 5:])
        usual.bias_ih.copy_(torch.tensor([0.0] * 4 + [1.0] * 4 + [0.0] * 8))
        usual.bias_hh.zero_()
    x, hidden, inner = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
    for mine, theirs in zip(cell(x, hidden, inner), usual(x, (hidden, inner)), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize(("gate", "sees"), [(0, "before"), (1, "before"), (2, "after")])
def test_a_peephole_opens_its_gate(gate: int, sees: str) -> None:
    """With all weights zero, the first step shows which cell each gate reads."""
    cell = LstmCell(1, 1, peephole=True)
    nn.init.zeros_(cell.gates.weight)
    assert cell.peepholes is not None
    with torch.no_grad():
        cell.peepholes[gate] = 2.0
    inner = torch.tensor([[0.5]])
    given = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    hidden, after = cell(torch.zeros(1, 1), torch.zeros(1, 1), inner, given)
    opened = [0.0, 1.0, 0.0]
    opened[gate] += 2.0 * (0.5 if sees == "before" else after.item())
    entering, forgetting, leaving = torch.tensor(opened).sigmoid()
    torch.testing.assert_close(after.squeeze(), forgetting * 0.5 + entering * torch.tensor(1.0).tanh())
    torch.testing.assert_close(hidden.squeeze(), leaving * after.squeeze().tanh())
