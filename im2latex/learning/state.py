"""A training run between two steps: kept in memory, saved and resumed.

reads, writes  <folder>/state.pt   weights, their average, the best average, the optimizers, losses and counts

Nothing else is needed to resume exactly: order, placing and dropout follow from the seed and the step.
"""

import copy
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from im2latex.errors import ArtifactError, Im2LatexError
from im2latex.learning.files import replace
from im2latex.learning.network import Network
from im2latex.learning.progress import Progress
from im2latex.learning.watch import LossWatch

COUNTS = ("step", "seen", "total", "validations", "validated")

FORMAT = 2
"""Version of what is saved: a state of another version is never taken up, one of other code with this version is."""


class InterruptedRunError(Im2LatexError):
    """The run was told to stop; its state is saved."""


class TrainingState:
    """`step` and `seen` count steps and samples done; `total` is the budget in samples, 0 until it is known.

    `validations` counts the multiples of the validation interval that were passed and validated at; `validated` are the
    samples seen at the last validation. `best` is the average of the best validation with its counts, on the CPU.
    """

    def __init__(self, network: nn.Module, average: Network, optimizers: list[Any]) -> None:
        self.network = network
        self.average = average
        self.optimizers = optimizers
        self.watch = LossWatch()
        self.progress = Progress()
        self.best: dict[str, Tensor] | None = None
        self.best_counts: dict[str, int] = {}
        self.step = self.seen = self.total = self.validations = self.validated = 0

    @property
    def counts(self) -> dict[str, int]:
        """What a checkpoint tells of its training."""
        return {"steps": self.step, "samples": self.seen, "sample_budget": self.total}

    def keep_best(self) -> None:
        """The average as it is now is the best one."""
        self.best = {name: weight.cpu().clone() for name, weight in self.average.state_dict().items()}
        self.best_counts = self.counts

    def _content(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "watch": self.watch.state_dict(),
            "progress": asdict(self.progress),
            "best": self.best,
            "best_counts": self.best_counts,
        } | {name: getattr(self, name) for name in COUNTS}

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain values, independent of later steps."""
        return copy.deepcopy(self._content())

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Return to where `snapshot` was taken."""
        self.network.load_state_dict(snapshot["network"])
        self.average.load_state_dict(snapshot["average"])
        for optimizer, kept in zip(self.optimizers, snapshot["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.watch.load_state_dict(snapshot["watch"])
        self.progress = Progress(**snapshot["progress"])
        self.best, self.best_counts = snapshot["best"], snapshot["best_counts"]
        for name in COUNTS:
            setattr(self, name, snapshot[name])

    def save(self, folder: Path, identity: str) -> None:
        """Write state.pt, whole or not at all; `identity` names the run it belongs to."""
        content = self._content() | {"identity": identity, "format": FORMAT}
        replace(folder / "state.pt", lambda path: torch.save(content, path))

    def resume(self, folder: Path, identity: str) -> bool:
        """Take up the run saved in `folder`, if there is one; raises `ArtifactError` where it is another's."""
        path = folder / "state.pt"
        if not path.exists():
            return False
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["format"] != FORMAT or content["identity"] != identity:
                raise ArtifactError(f"{path}: belongs to a run with other data or params; remove it and train again")
            self.restore(content)
        except (RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{path}: damaged, or of other code ({error}); remove it and train again") from None
        return True
