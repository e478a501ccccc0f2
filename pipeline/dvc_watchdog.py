"""Watchdog thread of a stage: the stage ends when the dvc or the torchrun that started it ends, however that happens.

Linux leaves the children of a killed process running. A stage that goes on without its dvc would write its outputs
while the next `dvc repro` writes them too. An experiment has several processes of dvc above it, and ends with any.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

_SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh")
_POLL_SECONDS = 1.0


def end_with_dvc() -> None:
    """Send SIGUSR1 to this process when the dvc that started it ends: a training saves and stops, others just end.

    The same for torchrun, which a signal such as SIGUSR1 ends. A stage that is run by hand is left alone.
    """
    ancestors = _ancestors() if "DVC_STAGE" in os.environ else []
    if "TORCHELASTIC_RUN_ID" in os.environ:
        ancestors = ancestors or [os.getppid()]
    if ancestors:
        threading.Thread(target=_end_with, args=(ancestors,), daemon=True).start()


def _end_with(ancestors: list[int]) -> None:
    """Wait until one of `ancestors`, each the parent of the one before, ends, and its child gets another parent."""
    chain = [os.getpid(), *ancestors]
    while all(_parent(child) == parent for child, parent in pairwise(chain)):
        time.sleep(_POLL_SECONDS)
    with suppress(OSError):  # the terminal may be gone too
        os.write(2, b"dvc or torchrun has ended; this stage ends too\n")
    os.kill(os.getpid(), signal.SIGUSR1)


def _ancestors() -> list[int]:
    """The processes from this one's parent up to the last dvc; the shell that dvc starts a stage with may be between.

    Where none is named so, as when a program uses DVC as a library: up to the first that is no shell.
    """
    found: list[int] = []
    kinds: list[str] = []
    pid = os.getppid()
    while pid > 1:
        found.append(pid)
        kinds.append(_kind(pid))
        pid = _parent(pid)
    last = "dvc" if "dvc" in kinds else "other"
    if last not in kinds:
        return found[:1]
    end = len(kinds) - kinds[::-1].index(last) if last == "dvc" else kinds.index(last) + 1
    return found[:end]


def _kind(pid: int) -> str:
    """A process as "dvc", "shell" or "other", by its command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:  # no /proc, or it has ended
        return "other"
    if any(Path(word).name == "dvc" for word in words[:3]):
        return "dvc"
    return "shell" if Path(words[0]).name in _SHELLS else "other"


def _parent(pid: int) -> int:
    """The parent of a process; 0 where it is unknown."""
    if pid == os.getpid():
        return os.getppid()
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(status.rpartition(")")[2].split()[1])  # the name in parentheses may hold anything
