"""The losses of a run, watched without waiting for the device that computes them.

A step hands in tensors; they become numbers together, some steps later, and each is judged in its turn. So what is
found, and at which batch, does not depend on when it is looked for.
"""

import math
import statistics
from typing import Any

import torch
from torch import Tensor

MEDIAN_WINDOW = 100
"""Batches over which the running median goes."""

MIN_LOSSES = 20
"""Batches that must have been seen before one is called an outlier."""


class LossMonitor:
    """`pending` holds a pair (whole loss, token loss) a batch; `logged` the token losses since the last row of the log.

    With several processes a pair is this one's part of the batch: the parts are summed before they are judged.
    """

    def __init__(self) -> None:
        self.pending: list[Tensor] = []
        self.logged: list[float] = []
        self._recent: list[float] = []

    def add(self, whole: Tensor, token: Tensor) -> None:
        """Hand in the losses of one more batch; nothing waits."""
        self.pending.append(torch.stack([whole.detach(), token.detach()]))

    def judge(self, pairs: list[list[float]], explode_factor: float) -> tuple[int, str] | None:
        """Take in the losses of the pending batches as numbers; the first bad one by its place, and what it is.

        Bad is a loss that is not finite, or, where `explode_factor` is not 0, above so many times the median.
        """
        self.pending.clear()
        for place, (whole, token) in enumerate(pairs):
            if not math.isfinite(whole):
                return place, f"the loss is {whole}"
            if explode_factor and len(self._recent) >= MIN_LOSSES:
                median = statistics.median(self._recent)
                if whole > explode_factor * median:
                    return place, f"the loss is {whole:.4g}, more than {explode_factor:g} times the median {median:.4g}"
            self._recent = [*self._recent[1 - MEDIAN_WINDOW :], whole]
            self.logged.append(token)
        return None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs, as plain values; pending losses must have been judged."""
        return {"recent": self._recent, "logged": self.logged}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Return to where `content` was taken; what is pending is forgotten."""
        self._recent, self.logged = list(content["recent"]), list(content["logged"])
        self.pending = []
