r"""Runs of TeX on a compiled preamble, each in a temporary folder and a process of its own.

A run takes TeX source, and yields how it ended and the folder with `batch.pdf`. `TexLauncher` starts the process for
the run; `TexPool` starts processes ahead of time, which have then loaded the format, most of the time of a short run,
and wait at a \read for a line of standard input. A process serves one run, so that no state passes from one formula to
the next.
"""

import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from im2latex.rendering import tex_format
from im2latex.sandbox import process
from im2latex.sandbox.process import CompletedProcess
from im2latex.sandbox.resource_limits import ProcessLimits
from im2latex.sandbox.sandbox import FileAccess
from im2latex.sandbox.scratch import temporary_folder

JOB_NAME = "batch"
MAX_PDF_MB = 16
"""Largest PDF of one run: 8,000 real formulas, or two million letters on top of each other."""
_SOURCE_FILE = f"{JOB_NAME}.tex"
# \read waits for the terminal in this mode only; the mode that is set after it lets no error stop TeX.
_WAIT_FOR_INPUT = ("-interaction=scrollmode", rf"\read-1to\go\nonstopmode\input {_SOURCE_FILE} ")


class TexRunner(Protocol):
    """Runs TeX."""

    def run(self, source: str, cpu_seconds: float) -> AbstractContextManager[tuple[CompletedProcess, Path]]:
        """Run TeX on `source`; yields how it ended and its folder, which the end of the context removes."""


class TexLauncher(TexRunner):
    """Starts a new process for each run."""

    def __init__(self, preamble: tex_format.TexFormat, limits: ProcessLimits, background: bool = False) -> None:
        self._preamble = preamble
        self._limits = limits
        self._background = background

    @contextmanager
    def run(self, source: str, cpu_seconds: float) -> Iterator[tuple[CompletedProcess, Path]]:
        with temporary_folder() as folder:
            (folder / _SOURCE_FILE).write_text(source, encoding="utf-8")
            child = self.start(folder, cpu_seconds, ("-interaction=nonstopmode", _SOURCE_FILE))
            yield child.wait(_wall_seconds(cpu_seconds)), folder

    def start(self, folder: Path, cpu_seconds: float, arguments: tuple[str, ...]) -> process.ChildProcess:
        """Start TeX in `folder` with these last arguments."""
        return process.ChildProcess(
            ["pdftex", f"-fmt={self._preamble.path}", "-no-shell-escape", f"-jobname={JOB_NAME}", *arguments],
            cwd=folder,
            cpu_seconds=cpu_seconds,
            memory_mb=self._limits.memory_mb,
            file_mb=min(self._limits.file_mb, MAX_PDF_MB),
            access=FileAccess(read=(self._preamble.path, *tex_format.tex_trees())),
            env=tex_format.TEX_ENVIRONMENT,
            background=self._background,
        )


@dataclass(frozen=True)
class _IdleProcess:
    child: process.ChildProcess
    folder: Path
    cleanup: ExitStack


class TexPool(TexRunner):
    """Keeps `size` idle processes, each for a run of at most `cpu_seconds`; longer runs get a new process."""

    def __init__(self, launcher: TexLauncher, cpu_seconds: float, size: int) -> None:
        self._launcher = launcher
        self._cpu_seconds = cpu_seconds
        self._size = size
        self._idle: deque[_IdleProcess] = deque()
        self._finalizer = weakref.finalize(self, _end_all, self._idle)
        self._fill()

    @contextmanager
    def run(self, source: str, cpu_seconds: float) -> Iterator[tuple[CompletedProcess, Path]]:
        idle = self._take_alive() if cpu_seconds <= self._cpu_seconds else None
        if idle is None:
            with self._launcher.run(source, cpu_seconds) as done:
                yield done
            return
        with idle.cleanup:
            (idle.folder / _SOURCE_FILE).write_text(source, encoding="utf-8")
            idle.child.write_input(b"\n")
            self._fill()
            yield idle.child.wait(_wall_seconds(cpu_seconds)), idle.folder

    def close(self) -> None:
        """End all idle processes."""
        self._size = 0
        self._finalizer()

    def _take_alive(self) -> _IdleProcess | None:
        """A process that is alive; None where there is none, as when the thread that started them has ended."""
        while self._idle:
            idle = self._idle.popleft()
            if idle.child.alive:
                return idle
            _end(idle)
        return None

    def _fill(self) -> None:
        while len(self._idle) < self._size:
            cleanup = ExitStack()
            folder = cleanup.enter_context(temporary_folder())
            with cleanup:
                child = self._launcher.start(folder, self._cpu_seconds, _WAIT_FOR_INPUT)
                self._idle.append(_IdleProcess(child, folder, cleanup.pop_all()))


def _end(idle: _IdleProcess) -> None:
    with idle.cleanup:
        idle.child.kill()


def _end_all(idle: deque[_IdleProcess]) -> None:
    while idle:
        _end(idle.popleft())


def _wall_seconds(cpu_seconds: float) -> float:
    """Wall-clock time of a run: sixty times its CPU time, so that a busy machine fails no good run."""
    return 60 * cpu_seconds
