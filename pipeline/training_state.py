"""State folders of trainings: one process at a time in each, kept until DVC has recorded what the training made.

reads, writes  <state>/train/<key>/lock           locked by the process that trains, whose number it holds
               <state>/train/<key>/outputs.json   of a finished training: its code, its metrics, what DVC knew before
reads          dvc.lock

DVC deletes the outputs of a stage before it runs and records them after it has ended, so both dvc and the disk can
fail when the training is over. Its state outlasts that, and the next `dvc repro` writes the outputs from it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import yaml

from im2latex.errors import UsageError
from pipeline.fingerprint import fingerprint
from pipeline.paths import REPORTS

METRICS = REPORTS / "train" / "metrics.json"
"""The recorded file that tells one training from another: losses and scores with all their digits."""
TRAINING = "im2latex.training.loop"
"""The module whose code decides the weights."""
WAIT_SECONDS = 30.0
"""How long a new training waits for another that is ending: one step, and the writing of its state."""
_LOCK, _OUTPUTS = "lock", "outputs.json"
_POLL_SECONDS = 0.2

Tell = Callable[[str], None]


@contextmanager
def locked(folder: Path, tell: Tell, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the state folder, which is made if need be; raises `UsageError` naming the process that holds it."""
    file = _lock(folder, tell, wait_seconds)
    try:
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield
    finally:
        file.close()


def take_up(folder: Path, tell: Tell) -> None:
    """Prepare a locked folder for a training: remove what must not be gone on with, here and beside it.

    A finished training that DVC has recorded is done once more from the start, since that was asked for; so is one of
    other code. Any other goes on where it was, a finished one at its end.
    """
    for draft in [path for path in folder.rglob(".*") if path.is_file()]:  # of a process that was killed as it wrote
        draft.unlink()
    entry = _recorded()
    for other in folder.parent.glob(f"*/{_OUTPUTS}"):
        if other.parent != folder and _has_recorded(entry, _noted(other.parent)):
            with suppress(UsageError), locked(other.parent, tell, 0):
                shutil.rmtree(other.parent)
    noted = _noted(folder)
    if not noted:
        return
    if _has_recorded(entry, noted):
        _clear(folder)
    elif noted["code"] != fingerprint(TRAINING):
        tell(f"{folder}: finished by code that trains otherwise; training anew")
        _clear(folder)
    else:
        tell(f"{folder}: finished, and not recorded by DVC; writing its outputs again (to train anew, remove it)")


def note_outputs(folder: Path) -> None:
    """Remember that the training in `folder` is finished, and what DVC will record of it."""
    digest = hashlib.md5(METRICS.read_bytes(), usedforsecurity=False).hexdigest()
    content = {"code": fingerprint(TRAINING), "metrics": digest, "before": _digest(_recorded())}
    (folder / _OUTPUTS).write_text(json.dumps(content) + "\n", encoding="utf-8")


def _lock(folder: Path, tell: Tell, wait_seconds: float) -> IO[bytes]:
    until = time.monotonic() + wait_seconds
    told = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same_file(file, folder / _LOCK):  # else its holder removed it with the folder
                return file
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode("ascii", "replace") or "unknown"
            if time.monotonic() >= until:
                file.close()
                raise UsageError(
                    f"{folder}: process {holder} trains there; wait for its end, or have it save and stop: "
                    f"kill -USR1 {holder}"
                ) from None
            if not told:
                tell(f"{folder}: waiting for process {holder}, which trains there")
                told = True
            time.sleep(_POLL_SECONDS)
        file.close()


def _same_file(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def _noted(folder: Path) -> dict[str, Any]:
    """What `note_outputs` wrote; empty where it was not written, or not to its end."""
    try:
        content: dict[str, Any] = json.loads((folder / _OUTPUTS).read_text(encoding="utf-8"))
        return content if {"code", "metrics", "before"} <= content.keys() else {}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _recorded() -> dict[str, Any]:
    """What dvc.lock says of the stage `train`; empty where DVC has recorded none."""
    try:
        entry = yaml.safe_load(Path("dvc.lock").read_text(encoding="utf-8"))["stages"]["train"]
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _has_recorded(entry: dict[str, Any], noted: dict[str, Any]) -> bool:
    """Whether DVC's entry has the outputs that were noted, and is not the one that it had of an equal training before.

    DVC leaves an entry as it is when nothing in it changes: a training that was forced to run again is not seen here.
    """
    recorded = {out.get("path"): out.get("md5") for out in entry.get("outs") or ()}
    return bool(noted) and recorded.get(METRICS.as_posix()) == noted["metrics"] and _digest(entry) != noted["before"]


def _digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
