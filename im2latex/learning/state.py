"""A training run between two steps: kept in memory, saved and resumed.

reads, writes  <folder>/state.pt   weights, their average, the optimizers and the counts

Nothing else is needed to resume exactly: order, placing and dropout follow from the seed and the step.
"""

import copy
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from types import FrameType
from typing import Any

import torch
from torch import nn

from im2latex.errors import ArtifactError, Im2LatexError
from im2latex.learning.files import replace
from im2latex.learning.network import Network


class InterruptedRunError(Im2LatexError):
    """The run was told to stop; its state is saved."""


class TrainingState:
    """`step` and `seen` count steps and samples done; `total` is the budget in samples, 0 until it is known."""

    def __init__(self, network: nn.Module, average: Network, optimizers: list[Any]) -> None:
        self.network = network
        self.average = average
        self.optimizers = optimizers
        self.step = self.seen = self.total = 0

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain values, independent of later steps."""
        parts = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        return copy.deepcopy(parts) | {"step": self.step, "seen": self.seen, "total": self.total}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Return to where `snapshot` was taken."""
        self.network.load_state_dict(snapshot["network"])
        self.average.load_state_dict(snapshot["average"])
        for optimizer, kept in zip(self.optimizers, snapshot["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.seen, self.total = (snapshot[name] for name in ("step", "seen", "total"))

    def save(self, folder: Path, identity: str) -> None:
        """Write state.pt, whole or not at all; `identity` names the run it belongs to."""
        content = self.snapshot() | {"identity": identity}
        replace(folder / "state.pt", lambda path: torch.save(content, path))

    def resume(self, folder: Path, identity: str) -> bool:
        """Take up the run saved in `folder`, if there is one; raises `ArtifactError` where it is another's."""
        path = folder / "state.pt"
        if not path.exists():
            return False
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["identity"] != identity:
                raise ArtifactError(f"{path}: belongs to a run with other data or params; remove it and train again")
            self.restore(content)
        except (RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{path}: damaged, or of other code ({error}); remove it and train again") from None
        return True


class StopRequest:
    """Whether a signal has asked the run to stop."""

    received: str | None = None

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle the signal by remembering its name."""
        self.received = signal.Signals(number).name


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Within, SIGTERM and SIGINT only set a mark; only for the main thread."""
    request = StopRequest()
    before = {number: signal.signal(number, request.note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
