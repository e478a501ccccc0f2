"""The optimizers of the loop: Muon for matrices and kernels, AdamW for all else.

Muon follows the momentum of the gradient with all its singular values drawn towards one (Jordan et al. 2024,
kellerjordan.github.io/posts/muon), at a step size matched to that of AdamW (Liu et al. 2025, arXiv 2502.16982).
"""

from collections.abc import Callable, Iterable
from typing import Literal, overload

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.learning.network import Network
from im2latex.params import Params


class OptimizerParams(Params):
    """How weights follow their gradients."""

    hidden: Literal["muon", "adamw"] = Field(description="the optimizer of hidden matrices and kernels")
    hidden_learning_rate: float = Field(gt=0, description="its peak learning rate")
    learning_rate: float = Field(gt=0, description="peak learning rate of AdamW for all other weights")
    momentum: float = Field(ge=0, lt=1, description="momentum of Muon; AdamW keeps its betas of 0.9 and 0.98")
    weight_decay: float = Field(ge=0, description="decoupled decay of hidden matrices and kernels")


QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial whose iteration draws singular values in (0, 1] towards one (Jordan et al.)."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized; for weights with two or more dimensions, kernels as (out, in * h * w)."""

    def __init__(self, weights: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(list(weights), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update all weights; those of one size are orthogonalized together."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for weight in group["params"]:
                direction = self._direction(weight, group["momentum"])
                alike.setdefault(direction.shape, []).append((weight, direction))
            for shape, pairs in alike.items():
                update = orthogonalize(torch.stack([direction for _, direction in pairs]))
                update *= 0.2 * max(shape) ** 0.5  # the root mean square of AdamW's steps: Liu et al., section 2.2
                for (weight, _), change in zip(pairs, update, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(change.view_as(weight), alpha=-group["lr"])
        return None if closure is None else closure()

    def _direction(self, weight: Tensor, momentum: float) -> Tensor:
        """The Nesterov step of one weight as a matrix."""
        gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum).flatten(1)


def orthogonalize(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Bring all singular values of (N, rows, columns) near one, by Newton-Schulz iteration."""
    a, b, c = QUINTIC
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(iterations):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result


def build_optimizers(network: Network, params: OptimizerParams) -> list[torch.optim.Optimizer]:
    """Two optimizers that share the weights out; the entry `peak` of each group holds its peak learning rate."""
    hidden = network.hidden_matrices()
    known = {id(weight) for weight in hidden}
    others = [weight for weight in network.parameters() if id(weight) not in known]
    rate = params.hidden_learning_rate
    first: torch.optim.Optimizer
    if params.hidden == "muon":
        first = Muon(hidden, rate, params.momentum, params.weight_decay)
    else:
        first = torch.optim.AdamW(hidden, rate, betas=(0.9, 0.98), weight_decay=params.weight_decay, foreach=True)
    second = torch.optim.AdamW(others, params.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, foreach=True)
    for optimizer in (first, second):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [first, second]
