"""Folders of training runs: locked, listed, and their snapshots, the checkpoints of earlier validations.

reads, writes  <state root>/train/<run>/lock                    locked by the process that trains, and holds its number
               <run>/snapshots/<samples>/model.safetensors, checkpoint.json   the averaged weights
                                         momentum.safetensors   the optimizers, for a training that starts from it
                                         metrics.json           the row of the validation; written last
reads          <run>/state.pt, last/, best/, outputs.json       whose names the table of the runs shows

A checkpoint is named RUN/SAMPLES, RUN/last or RUN/best, or SAMPLES alone where only one run has it.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from safetensors.torch import save_file
from torch import Tensor

from im2latex.errors import UsageError
from im2latex.io.atomic_write import atomic_write
from im2latex.io.project_cache import state_root
from im2latex.training.checkpoint import Checkpoint, save_checkpoint
from im2latex.training.early_stopping import monitored_value
from im2latex.training.optim import OPTIMIZER_STATE
from im2latex.training.state import STATE
from im2latex.training.validation import Monitor

SNAPSHOTS = "snapshots"
OUTPUTS = "outputs.json"
"""File of a finished run; see `pipeline.training_state`."""
WAIT_SECONDS = 30.0
"""How long a new training waits for another that is stopping: one step, and the saving of its state."""
_METRICS, _LOCK = "metrics.json", "lock"
_POLL_SECONDS = 0.2

Print = Callable[[str], None]
KeptSnapshots = int | Literal["all"]


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """A checkpoint in the folder of a run: RUN/SAMPLES, RUN/last or RUN/best, its samples and, if known, its scores."""

    name: str
    folder: Path
    samples: int
    metrics: Mapping[str, float]

    @property
    def megabytes(self) -> float:
        """Size on disk."""
        return sum(path.stat().st_size for path in self.folder.iterdir()) / 1e6


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A training run: its folder, whether it finished, the process that trains it now, and its checkpoints."""

    name: str
    folder: Path
    finished: bool
    process: str | None
    checkpoints: list[SavedCheckpoint]

    @property
    def status(self) -> str:
        """One word or two for a table."""
        if self.process:
            return f"trains in process {self.process}"
        if not (self.folder / STATE).is_file():
            return "snapshots only"
        return "finished" if self.finished else "unfinished"


def save_snapshot(
    run: Path,
    checkpoint: Checkpoint,
    optimizers: dict[str, Tensor],
    row: Mapping[str, float],
    kept: KeptSnapshots,
    monitor: Monitor,
) -> None:
    """Save a checkpoint and the optimizers by the samples seen; remove all but the `kept` best by `monitor`."""
    folder = run / SNAPSHOTS / str(checkpoint.counts["samples"])
    (folder / _METRICS).unlink(missing_ok=True)
    save_checkpoint(checkpoint, folder)
    atomic_write(folder / OPTIMIZER_STATE, lambda path: save_file(optimizers, path))
    atomic_write(folder / _METRICS, lambda path: path.write_text(json.dumps(row) + "\n", encoding="utf-8"))
    if kept == "all":
        return
    ranked = sorted(_snapshots(run), key=lambda one: (monitored_value(one.metrics, monitor), one.samples))
    for one in ranked[kept:]:
        shutil.rmtree(one.folder)


def list_runs() -> list[RunFolder]:
    """All training runs whose folder exists, the last one changed first."""
    root = state_root() / "train"
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return [_read_run(path) for path in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)]


def find_checkpoint(name: str) -> SavedCheckpoint | None:
    """The checkpoint RUN/SAMPLES, RUN/last, RUN/best, or SAMPLES; RUN may be shortened where it stays unique.

    Returns None for a text of another form, or where no run matches. Raises `UsageError` where several match.
    """
    run, _, part = name.rpartition("/")
    if not part.isdecimal() and not (run and part in ("last", "best")):
        return None
    found = [
        one for folder in list_runs() if run in folder.name for one in folder.checkpoints if _part(one.name) == part
    ]
    exact = [one for one in found if one.name == name]
    if len(found) > 1 and not exact:
        raise UsageError(f"{name}: matches {', '.join(one.name for one in found)}; write one of them")
    return next(iter(exact or found), None)


def remove(name: str) -> list[str]:
    """Remove a run, or a snapshot of it; returns the names of the checkpoints that are gone.

    Raises `UsageError` where there is none of that name, or where its run is training.
    """
    runs = list_runs()
    whole = [run for run in runs if run.name == name]
    one = None if whole else find_checkpoint(name)
    if not whole and (one is None or one.folder.parent.name != SNAPSHOTS):
        raise UsageError(f"{name}: no training run and no snapshot; `im2latex snapshots` lists them")
    run = whole[0] if whole else next(run for run in runs if one in run.checkpoints)
    if run.process:
        raise UsageError(f"{name}: process {run.process} trains there; let it save and stop: kill -USR1 {run.process}")
    gone = run.checkpoints if one is None else [one]
    shutil.rmtree(run.folder if one is None else one.folder)
    return [checkpoint.name for checkpoint in gone] or [run.name]


def clear(run: Path) -> None:
    """Remove all but the lock from a locked folder."""
    for path in run.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def remove_state(run: Path) -> None:
    """Remove a locked folder, all but its snapshots."""
    snapshots = run / SNAPSHOTS
    for path in run.iterdir():
        if path.is_dir() and path != snapshots:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    if not snapshots.is_dir():
        run.rmdir()


@contextmanager
def locked(folder: Path, say: Print, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Create the state folder, if need be, and lock it; raises `UsageError` naming the process that has the lock."""
    file = _lock(folder, say, wait_seconds)
    try:
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield
    finally:
        file.close()


def _lock(folder: Path, say: Print, wait_seconds: float) -> IO[bytes]:
    until = time.monotonic() + wait_seconds
    announced = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same_file(file, folder / _LOCK):  # else the other process removed it with the folder
                return file
        except BlockingIOError:
            holder = _holder(file)
            if time.monotonic() >= until:
                file.close()
                raise UsageError(
                    f"{folder}: process {holder} trains there; wait for its end, or let it save and stop: "
                    f"kill -USR1 {holder}"
                ) from None
            if not announced:
                say(f"{folder}: waiting for process {holder}, which trains there")
                announced = True
            time.sleep(_POLL_SECONDS)
        file.close()


def _same_file(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _holder(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("ascii", "replace") or "unknown"


def _process(run: Path) -> str | None:
    """The process that has the lock of a run."""
    try:
        with (run / _LOCK).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(file)
    except OSError:
        pass
    return None


def _read_run(run: Path) -> RunFolder:
    saved = [_checkpoint(run, name, run / name, _rows(run)) for name in ("last", "best")]
    checkpoints = [*(one for one in saved if one is not None), *_snapshots(run)]
    return RunFolder(run.name, run, (run / OUTPUTS).is_file(), _process(run), checkpoints)


def _snapshots(run: Path) -> list[SavedCheckpoint]:
    """The complete snapshots of a run, by the samples they saw."""
    found = []
    for path in (run / SNAPSHOTS).glob(f"*/{_METRICS}"):
        with suppress(OSError, ValueError, KeyError, TypeError):  # damaged, or removed meanwhile
            row = json.loads(path.read_text(encoding="utf-8"))
            found.append(_checkpoint(run, path.parent.name, path.parent, {row["samples"]: row}))
    return sorted((one for one in found if one is not None), key=lambda one: one.samples)


def _checkpoint(run: Path, name: str, folder: Path, rows: Mapping[int, Mapping[str, float]]) -> SavedCheckpoint | None:
    """The checkpoint in a folder; None where there is none. `rows` are the validations by their samples."""
    try:
        counts = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))["counts"]
        samples = int(counts["samples"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return SavedCheckpoint(f"{run.name}/{name}", folder, samples, rows.get(samples, {}))


def _rows(run: Path) -> dict[int, dict[str, Any]]:
    """The rows of the log of a run, by their samples; damaged lines are left out."""
    try:
        lines = (run / "log.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        try:
            row = json.loads(line)
            found[int(row["samples"])] = row
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _part(name: str) -> str:
    return name.rpartition("/")[2]
