r"""One run of TeX on a compiled preamble, in a throw-away folder: started when it is asked for, or ahead of time.

Takes TeX source, yields how the run ended and the folder with `batch.pdf`. A process that is started ahead has loaded
the format, which is most of the time of a short run, and waits at a \read for a line of its standard input. It serves
one run and ends, so that nothing of a formula can meet the next.
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
from im2latex.sandbox.process import CompletedProcess, ProcessLimits, temporary_folder
from im2latex.sandbox.restrictions import FileAccess

JOB = "batch"
MOST_PDF_MB = 16
"""Size of the PDF of one run: 8,000 real formulas, or two million letters on top of each other."""
_SOURCE = f"{JOB}.tex"
# At the terminal \read waits in this mode only; errors then do not stop TeX, as in the mode that is set after it.
_WAIT = ("-interaction=scrollmode", rf"\read-1to\go\nonstopmode\input {_SOURCE} ")


class TexRunner(Protocol):
    """Runs TeX."""

    def run(self, source: str, cpu_seconds: float) -> AbstractContextManager[tuple[CompletedProcess, Path]]:
        """How a run on `source` ended, and its folder, which is gone as soon as the context is left."""


class TexLauncher:
    """A new process for each run."""

    def __init__(self, preamble: tex_format.TexFormat, limits: ProcessLimits, background: bool = False) -> None:
        self._preamble = preamble
        self._limits = limits
        self._background = background

    @contextmanager
    def run(self, source: str, cpu_seconds: float) -> Iterator[tuple[CompletedProcess, Path]]:
        """Start TeX on the source."""
        with temporary_folder() as folder:
            (folder / _SOURCE).write_text(source, encoding="utf-8")
            child = self.start(folder, cpu_seconds, ("-interaction=nonstopmode", _SOURCE))
            yield child.finish(_wall_seconds(cpu_seconds)), folder

    def start(self, folder: Path, cpu_seconds: float, what: tuple[str, ...]) -> process.ChildProcess:
        """A process in `folder` that does what its last arguments say."""
        return process.ChildProcess(
            ["pdftex", f"-fmt={self._preamble.path}", "-no-shell-escape", f"-jobname={JOB}", *what],
            cwd=folder,
            cpu_seconds=cpu_seconds,
            memory_mb=self._limits.memory_mb,
            file_mb=min(self._limits.file_mb, MOST_PDF_MB),
            access=FileAccess(read=(self._preamble.path, *tex_format.tex_trees())),
            env=tex_format.TEX_ENVIRONMENT,
            background=self._background,
        )


@dataclass(frozen=True)
class _IdleProcess:
    child: process.ChildProcess
    folder: Path
    gone: ExitStack


class TexPool:
    """Keeps `count` processes waiting, each for a run of at most `cpu_seconds`; longer runs get a new process."""

    def __init__(self, fresh: TexLauncher, cpu_seconds: float, count: int) -> None:
        self._fresh = fresh
        self._cpu_seconds = cpu_seconds
        self._count = count
        self._waiting: deque[_IdleProcess] = deque()
        self._at_the_end = weakref.finalize(self, _end_all, self._waiting)
        self._fill()

    @contextmanager
    def run(self, source: str, cpu_seconds: float) -> Iterator[tuple[CompletedProcess, Path]]:
        """Give the source to a waiting process, and start the next one while it works."""
        waiting = self._take() if cpu_seconds <= self._cpu_seconds else None
        if waiting is None:
            with self._fresh.run(source, cpu_seconds) as done:
                yield done
            return
        with waiting.gone:
            (waiting.folder / _SOURCE).write_text(source, encoding="utf-8")
            waiting.child.give(b"\n")
            self._fill()
            yield waiting.child.finish(_wall_seconds(cpu_seconds)), waiting.folder

    def close(self) -> None:
        """End all that wait."""
        self._count = 0
        self._at_the_end()

    def _take(self) -> _IdleProcess | None:
        """One that waits; None where none is alive, as when the thread that started them has ended."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if waiting.child.alive:
                return waiting
            _end(waiting)
        return None

    def _fill(self) -> None:
        while len(self._waiting) < self._count:
            gone = ExitStack()
            folder = gone.enter_context(temporary_folder())
            with gone:
                child = self._fresh.start(folder, self._cpu_seconds, _WAIT)
                self._waiting.append(_IdleProcess(child, folder, gone.pop_all()))


def _end(waiting: _IdleProcess) -> None:
    with waiting.gone:
        waiting.child.kill()


def _end_all(waiting: deque[_IdleProcess]) -> None:
    while waiting:
        _end(waiting.popleft())


def _wall_seconds(cpu_seconds: float) -> float:
    """Sixty times what a run may compute, so that a busy machine fails no good one."""
    return 60 * cpu_seconds
