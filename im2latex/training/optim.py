"""Optimizers: Muon for hidden matrices and convolution kernels, AdamW for all other weights.

Both are defaults: each of the two groups of weights may have another optimizer. Muon orthogonalizes the momentum of the
gradient (Jordan et al. 2024, kellerjordan.github.io/posts/muon), at a step size matched to that of AdamW (Liu et al.
2025, arXiv 2502.16982).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, overload

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.config import Params
from im2latex.models.model import Network

OPTIMIZER_STATE = "momentum.safetensors"
"""File beside a checkpoint with the state of its optimizers in half precision, for a training run that continues it."""
_STATE_KEYS = ("momentum", "momentum_buffer", "exp_avg", "exp_avg_sq", "step")


class OptimizerParams(Params):
    """Optimizers of the hidden matrices and convolution kernels (`hidden`) and of all other weights (`others`)."""

    hidden: Literal["muon", "adamw", "adam", "sgd"] = Field(
        default="muon", description="optimizer of hidden matrices and convolution kernels"
    )
    hidden_learning_rate: float = Field(default=0.006, gt=0, description="its peak learning rate")
    others: Literal["adamw", "adam", "sgd"] = Field(default="adamw", description="optimizer of all other weights")
    learning_rate: float = Field(default=0.002, gt=0, description="its peak learning rate")
    momentum: float = Field(default=0.95, ge=0, lt=1, description="momentum of Muon and SGD")
    betas: tuple[float, float] = Field(
        default=(0.9, 0.98), description="decay rates of the moment estimates of Adam and AdamW"
    )
    orthogonalize_in: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="data type of Muon's Newton-Schulz iteration; auto: bfloat16 where precision is bf16-mixed",
    )
    weight_decay: float = Field(
        default=0.01,
        ge=0,
        description="weight decay of `hidden`; an L2 penalty with Adam and SGD",
    )
    others_weight_decay: float = Field(default=0.0, ge=0, description="weight decay of all other weights")


def build_optimizers(
    network: Network, params: OptimizerParams, device: torch.device, half: bool = False
) -> list[torch.optim.Optimizer]:
    """The two optimizers of a network; the entry `peak` of each parameter group is its peak learning rate.

    `device` is the device of the weights; on a GPU updates are fused. `half`: precision is bf16-mixed.
    """
    half = half if params.orthogonalize_in == "auto" else params.orthogonalize_in == "bfloat16"
    dtype = torch.bfloat16 if half else torch.float32
    hidden = network.hidden_matrices()
    known = {id(weight) for weight in hidden}
    others = [weight for weight in network.parameters() if id(weight) not in known]
    both = [
        _optimizer(params.hidden, hidden, params.hidden_learning_rate, params.weight_decay, params, device, dtype),
        _optimizer(params.others, others, params.learning_rate, params.others_weight_decay, params, device, dtype),
    ]
    for optimizer in both:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return both


def _optimizer(
    name: str,
    weights: list[nn.Parameter],
    rate: float,
    decay: float,
    params: OptimizerParams,
    device: torch.device,
    dtype: torch.dtype,
) -> torch.optim.Optimizer:
    fused: dict[str, bool] = {"fused": True} if device.type == "cuda" else {"foreach": True}
    match name:
        case "muon":
            return Muon(weights, rate, params.momentum, decay, dtype)
        case "sgd":
            return torch.optim.SGD(weights, rate, momentum=params.momentum, weight_decay=decay, **fused)
        case "adam":
            return torch.optim.Adam(weights, rate, betas=params.betas, weight_decay=decay, **fused)
    return torch.optim.AdamW(weights, rate, betas=params.betas, weight_decay=decay, **fused)


QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial whose iteration moves singular values in (0, 1] towards one (Jordan et al.)."""


class Muon(torch.optim.Optimizer):
    """Orthogonalized Nesterov momentum for weights of two or more dimensions; kernels as (out, in * h * w).

    torch.optim.Muon supports 2-D weights only and loops over them; here weights of one shape form one batch.
    """

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        weight_decay: float,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`dtype` is the data type of `orthogonalize`."""
        super().__init__(list(weights), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype = dtype

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update all weights; those of one shape are orthogonalized together."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for weight, direction in zip(group["params"], self._directions(group), strict=True):
                by_shape.setdefault(direction.shape, []).append((weight, direction))
            for shape, pairs in by_shape.items():
                update = orthogonalize(torch.stack([direction for _, direction in pairs]), self.dtype)
                update *= 0.2 * max(shape) ** 0.5  # the root mean square of AdamW's steps: Liu et al., section 2.2
                for (weight, _), change in zip(pairs, update, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(change.view_as(weight), alpha=-group["lr"])
        return None if closure is None else closure()

    def _directions(self, group: dict[str, Any]) -> list[Tensor]:
        """The Nesterov step of each weight as a matrix, by a few kernels for all weights."""
        weights: list[nn.Parameter] = group["params"]
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
        momenta = [self.state[weight]["momentum"] for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        steps = torch._foreach_lerp(gradients, momenta, group["momentum"])
        return [step.flatten(1) for step in steps]


def orthogonalize(matrices: Tensor, dtype: torch.dtype = torch.float32, iterations: int = 5) -> Tensor:
    """Move all singular values of (N, rows, columns) near one by Newton-Schulz iteration in `dtype`.

    bfloat16 is enough (Jordan et al.): the iteration stops at singular values between 0.7 and 1.2 in any case.
    """
    a, b, c = QUINTIC
    x = (matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(dtype)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(iterations):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result.to(matrices.dtype)


def optimizer_state(names: Mapping[Tensor, str], optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """State of the optimizers as tensors `<weight>:<key>`, bfloat16 on the CPU; `step` counts stay float32.

    `names` are the names of the weights.
    """
    found: dict[str, Tensor] = {}
    for optimizer in optimizers:
        for weight, state in optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, Tensor):
                    kind = torch.float32 if value.dim() == 0 else torch.bfloat16
                    found[f"{names[weight]}:{key}"] = value.detach().to("cpu", kind).contiguous()
    return found


def restore_optimizer_state(
    network: nn.Module, optimizers: Sequence[torch.optim.Optimizer], saved: Mapping[str, Tensor]
) -> int:
    """Load what `optimizer_state` returned; returns the number of weights that had a saved state.

    A weight of another shape, or of an optimizer with another kind of state, starts with an empty state.
    """
    names = {id(weight): name for name, weight in network.named_parameters()}
    restored = 0
    for optimizer in optimizers:
        content: dict[str, Any] = optimizer.state_dict()
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for place, weight in enumerate(weights):
            prefix = names[id(weight)]
            state = {key: saved[f"{prefix}:{key}"] for key in _STATE_KEYS if f"{prefix}:{key}" in saved}
            if state and all(value.shape == (() if key == "step" else weight.shape) for key, value in state.items()):
                content["state"][place] = {key: value.float() for key, value in state.items()}
                restored += 1
        optimizer.load_state_dict(content)
    return restored
