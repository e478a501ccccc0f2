"""Training state: all that a run needs to be resumed after a step, in memory and on disk.

reads, writes  <folder>/state.pt           weights, their average, the best average, the optimizers, losses and counts;
                                           its last 32 bytes are the SHA-256 of all before them
               <folder>/state-earlier.pt   the state that was saved before; read where state.pt is damaged

Nothing else is needed to resume exactly: batch order, position of images in their
padding and dropout follow from the seed and the step.
"""

import copy
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from tqdm import tqdm

from im2latex.errors import ArtifactError, Im2LatexError
from im2latex.io.atomic_write import atomic_write
from im2latex.io.hashing import append_checksum, has_valid_checksum
from im2latex.models.model import Network
from im2latex.training.early_stopping import EarlyStopping
from im2latex.training.loss_monitor import LossMonitor

STATE, EARLIER = "state.pt", "state-earlier.pt"

COUNTS = ("step", "seen", "total", "validations", "validated")

FORMAT = 5
"""Version of the saved content. A state of another version is never resumed; one of other code with this version is."""


class InterruptedRunError(Im2LatexError):
    """A signal stopped the run; its state is saved."""


class EarlierBudget(TypedDict):
    """A budget of the run before the present one, and the samples it had seen when the budget changed."""

    samples: int
    sample_budget: int


class TrainingState:
    """`step` and `seen` count steps and samples done; `total` is the budget in samples, 0 until it is known.

    `validations` counts the multiples of the validation interval that were passed and validated at; `validated` are the
    samples seen at the last validation. `scaler` scales the loss with float16. `best` are the averaged weights of the
    best validation, on the CPU, with their counts. `budget` are the parameters behind `total`; `finished` says that the
    run has ended under them.
    """

    def __init__(
        self, network: nn.Module, average: Network, optimizers: list[Any], scaler: GradScaler | None = None
    ) -> None:
        self.network = network
        self.average = average
        self.optimizers = optimizers
        self.scaler = scaler
        self.loss_monitor = LossMonitor()
        self.early_stopping = EarlyStopping()
        self.best: dict[str, Tensor] | None = None
        self.best_counts: dict[str, int] = {}
        self.budget: dict[str, Any] = {}
        self.earlier_budgets: list[EarlierBudget] = []
        self.finished = False
        self.step = self.seen = self.total = self.validations = self.validated = 0

    @property
    def counts(self) -> dict[str, int]:
        """Counts that a checkpoint has."""
        return {"steps": self.step, "samples": self.seen, "sample_budget": self.total}

    def store_best(self) -> None:
        """Store the present average as the best one."""
        self.best = {name: weight.cpu().clone() for name, weight in self.average.state_dict().items()}
        self.best_counts = self.counts

    def _content(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "scaler": self.scaler.state_dict() if self.scaler else {},
            "loss_monitor": self.loss_monitor.state_dict(),
            "early_stopping": asdict(self.early_stopping),
            "best": self.best,
            "best_counts": self.best_counts,
            "budget": self.budget,
            "earlier_budgets": self.earlier_budgets,
            "finished": self.finished,
        } | {name: getattr(self, name) for name in COUNTS}

    def snapshot(self) -> dict[str, Any]:
        """A copy of the content, independent of later steps."""
        return copy.deepcopy(self._content())

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the content that `snapshot` returned."""
        self.network.load_state_dict(snapshot["network"])
        self.average.load_state_dict(snapshot["average"])
        for optimizer, content in zip(self.optimizers, snapshot["optimizers"], strict=True):
            optimizer.load_state_dict(content)
        if self.scaler:
            self.scaler.load_state_dict(snapshot["scaler"])
        self.loss_monitor.load_state_dict(snapshot["loss_monitor"])
        self.early_stopping = EarlyStopping(**snapshot["early_stopping"])
        self.budget, self.earlier_budgets = snapshot["budget"], snapshot["earlier_budgets"]
        self.best, self.best_counts = snapshot["best"], snapshot["best_counts"]
        self.finished = snapshot.get("finished", False)  # states of the same format that were saved without it
        for name in COUNTS:
            setattr(self, name, snapshot[name])

    def save(self, folder: Path, identity: str) -> None:
        """Write state.pt atomically, after renaming the earlier one; `identity` is that of the run."""
        content = self._content() | {"identity": identity, "format": FORMAT}

        def write(path: Path) -> None:
            torch.save(content, path)
            append_checksum(path)

        atomic_write(folder / STATE, write, folder / EARLIER)

    def resume(self, folder: Path, identity: str) -> bool:
        """Resume the run saved in `folder`, if there is one: its state, or the earlier one where that is damaged.

        Returns whether there was one. Raises `ArtifactError` where both are damaged, or belong to another run.
        """
        path = folder / STATE
        if not path.exists():
            return False
        try:
            content = read_state(path)
        except ArtifactError as error:
            path = folder / EARLIER
            try:
                content = read_state(path)
            except ArtifactError:
                raise ArtifactError(f"{error}; remove {folder} and train again") from None
            tqdm.write(f"{error}; resuming from {EARLIER}, after {content['seen']:,} samples", sys.stderr)
        self._load(content, identity, path)
        return True

    def _load(self, content: dict[str, Any], identity: str, path: Path) -> None:
        try:
            if content["format"] != FORMAT or content["identity"] != identity:
                raise ArtifactError(f"{path}: belongs to a run with other data or params; remove it and train again")
            self.restore(content)
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{path}: of other code ({error}); remove it and train again") from None


def read_state(path: Path) -> dict[str, Any]:
    """Read what `TrainingState.save` wrote; raises `ArtifactError` where any byte of it differs."""
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file")
    try:
        if not _is_whole(path):
            raise ArtifactError(f"{path}: damaged, its checksum differs")
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: damaged, or of other code ({error})") from None
    return content


def _is_whole(path: Path) -> bool:
    """Whether a state is undamaged; one without a checksum at its end is a ZIP file, which has checksums inside."""
    if has_valid_checksum(path):
        return True
    with path.open("rb") as stream:
        stream.seek(-min(_ZIP_END_BYTES, path.stat().st_size), 2)
        if not stream.read().startswith(_ZIP_END):
            return False
    with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None


_ZIP_END, _ZIP_END_BYTES = b"PK\5\6", 22
