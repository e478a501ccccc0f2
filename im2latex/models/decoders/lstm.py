"""One LSTM cell, with or without peepholes; PyTorch's own has none."""

import torch
from torch import Tensor, nn


class LstmCell(nn.Module):
    """Long short-term memory with a forget gate (Gers et al. 2000); its peepholes are those of Gers et al. 2002.

    A peephole shows each gate the cell itself, weighted feature by feature: input and forget gate the cell before
    the step, the output gate the cell after it. The forget gate is biased towards keeping by 1 (Jozefowicz et al.
    2015, section 4.1).
    """

    def __init__(self, inputs: int, units: int, peephole: bool, bias: bool = True) -> None:
        super().__init__()
        self.units = units
        self.gates = nn.Linear(inputs + units, 4 * units, bias=bias)
        nn.init.xavier_uniform_(self.gates.weight)
        if bias:
            nn.init.zeros_(self.gates.bias)
        self.peepholes = nn.Parameter(torch.zeros(3 * units)) if peephole else None

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Input (B, inputs), hidden state and cell (B, units) to the next two.

        `given` (B, 4 * units) is added to the gates: what was computed of other inputs beforehand.
        """
        gates = self.gates(torch.cat([x, hidden], dim=1))
        gates = gates if given is None else gates + given
        entering, forgetting, leaving, new = gates.chunk(4, dim=1)
        if self.peepholes is not None:
            to_input, to_forget, to_output = self.peepholes.chunk(3)
            entering, forgetting = entering + to_input * cell, forgetting + to_forget * cell
        cell = (forgetting + 1).sigmoid() * cell + entering.sigmoid() * new.tanh()
        if self.peepholes is not None:
            leaving = leaving + to_output * cell
        return leaving.sigmoid() * cell.tanh(), cell
