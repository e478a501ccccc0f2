import pytest
import torch
from torch import nn

from im2latex.models.decoders.recurrent import LstmCell


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
    """With all weights zero, the first step tells which cell each gate sees."""
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
