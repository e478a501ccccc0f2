"""What the optimizers remember, in half precision beside a checkpoint, so that another training goes on with it.

reads, writes  <folder>/momentum.safetensors   tensors `<weight>:<name>`, name as in the state of the optimizer
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = "momentum.safetensors"
_NEEDED = ("momentum", "momentum_buffer", "exp_avg", "exp_avg_sq", "step")


def momentum_of(names: Mapping[Tensor, str], optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Momenta and squares of all weights by their `names`, bfloat16 on the CPU; `step` counts stay float32."""
    found: dict[str, Tensor] = {}
    for optimizer in optimizers:
        for weight, state in optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, Tensor):
                    kind = torch.float32 if value.dim() == 0 else torch.bfloat16
                    found[f"{names[weight]}:{key}"] = value.detach().to("cpu", kind).contiguous()
    return found


def restore_momentum(
    network: nn.Module, optimizers: Sequence[torch.optim.Optimizer], saved: Mapping[str, Tensor]
) -> int:
    """Give optimizers back what `momentum_of` took; returns the number of weights that had something saved.

    A weight of another shape, or of an optimizer that remembers other things, begins anew.
    """
    names = {id(weight): name for name, weight in network.named_parameters()}
    restored = 0
    for optimizer in optimizers:
        content: dict[str, Any] = optimizer.state_dict()
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for place, weight in enumerate(weights):
            prefix = names[id(weight)]
            state = {key: saved[f"{prefix}:{key}"] for key in _NEEDED if f"{prefix}:{key}" in saved}
            if state and all(value.shape == (() if key == "step" else weight.shape) for key, value in state.items()):
                content["state"][place] = {key: value.float() for key, value in state.items()}
                restored += 1
        optimizer.load_state_dict(content)
    return restored
