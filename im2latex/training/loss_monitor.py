"""Loss monitor: detection of losses that are not finite or that spike, without waiting for the device."""

import math
import statistics
from typing import Any

import torch
from torch import Tensor

from im2latex.training.losses import MEDIAN_WINDOW, MIN_LOSSES


class LossMonitor:
    """Detects losses that are not finite or spike, without waiting for the device that computes them.

    A step records tensors; they are read together, some steps later, and checked in order. So what is found, and at
    which batch, does not depend on when it is read.

    `pending` has a pair (total loss, token loss) per batch; `losses` the token losses since the last validation.
    With several processes a pair is the part of this one: the parts are summed before they are checked.
    `gradient_norms` has the norm of the gradient before clipping of each step since the last validation.
    """

    def __init__(self) -> None:
        self.pending: list[Tensor] = []
        self.losses: list[float] = []
        self.gradient_norms: list[float] = []
        self._pending_norms: list[Tensor] = []
        self._recent: list[float] = []

    def record(self, total: Tensor, token: Tensor) -> None:
        """Record the losses of one more batch, without waiting for them."""
        self.pending.append(torch.stack([total.detach(), token.detach()]))

    def record_gradient_norm(self, norm: Tensor) -> None:
        """Record the norm of the gradient of one more step, without waiting for it."""
        self._pending_norms.append(norm.detach())

    def start_interval(self) -> None:
        """Forget the losses and norms of the steps before a validation."""
        self.losses.clear()
        self.gradient_norms.clear()

    def check(self, pairs: list[list[float]], spike_factor: float) -> tuple[int, str] | None:
        """Check the losses of the pending batches, given as numbers; returns the first bad one and its description.

        A loss is bad that is not finite or, where `spike_factor` is not 0, above so many times the running median.
        """
        self.pending.clear()
        if self._pending_norms:
            self.gradient_norms += torch.stack(self._pending_norms).tolist()
            self._pending_norms.clear()
        for index, (total, token) in enumerate(pairs):
            if not math.isfinite(total):
                return index, f"the loss is {total}"
            if spike_factor and len(self._recent) >= MIN_LOSSES:
                median = statistics.median(self._recent)
                if total > spike_factor * median:
                    return index, f"the loss is {total:.4g}, more than {spike_factor:g} times the median {median:.4g}"
            self._recent = [*self._recent[1 - MEDIAN_WINDOW :], total]
            self.losses.append(token)
        return None

    def state_dict(self) -> dict[str, Any]:
        """Plain values that a resumed run needs; pending losses must have been checked."""
        return {"recent": self._recent, "losses": self.losses, "gradient_norms": self.gradient_norms}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; pending losses are discarded."""
        self._recent, self.losses = list(content["recent"]), list(content["losses"])
        self.gradient_norms = list(content["gradient_norms"])
        self.pending, self._pending_norms = [], []
