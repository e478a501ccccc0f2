"""Sandboxed Python process that answers requests over two pipes.

It may read the interpreter, the installed packages and this package, and write nothing. It ends with the process, and
with the thread, that started it. The formats of requests and answers are those of its module.
"""

import contextlib
import fcntl
import math
import os
import select
import sys
import time
import weakref
from pathlib import Path

import im2latex
from im2latex.errors import ToolError
from im2latex.parallel import cancellation
from im2latex.sandbox import process, scratch
from im2latex.sandbox.sandbox import FileAccess

_CHUNK_BYTES = _PIPE_BYTES = 1 << 20
_READ_AHEAD_BYTES = 1 << 16
"""Bytes that a read may take from later answers, so that small answers do not need a system call each."""
_LIFETIME_SECONDS = 1 << 20
"""CPU time of a worker: it serves many requests, and each has a deadline of its own."""
_POLL_SECONDS = 0.2
_CPU_CLOCK = 2
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")


class WorkerError(ToolError):
    """The worker ended, or used up its CPU time; another request may still succeed."""


class WorkerStalledError(ToolError):
    """The worker got too little CPU time to answer; the request is not the cause."""


class PythonWorker:
    """`python -m MODULE IN OUT` and the two pipes to it; IN and OUT are file descriptors."""

    def __init__(self, module: str, memory_mb: int) -> None:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(scratch.temporary_folder())
            worker_in, self._out = os.pipe()
            self._in, worker_out = os.pipe()
            for descriptor in (self._out, self._in):
                os.set_blocking(descriptor, False)
                with contextlib.suppress(OSError, AttributeError):  # not Linux, or too many such pipes of this user
                    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                stack.callback(os.close, descriptor)
            try:
                self._child = process.ChildProcess(
                    [sys.executable, "-m", module, str(worker_in), str(worker_out)],
                    cwd=folder,
                    cpu_seconds=_LIFETIME_SECONDS,
                    memory_mb=memory_mb,
                    file_mb=1,
                    access=python_access(),
                    env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
                    inherited=(worker_in, worker_out),
                )
            finally:
                os.close(worker_in)
                os.close(worker_out)
            stack.callback(self._child.kill)
            self._read_ahead = bytearray()
            self._owner = os.getpid()
            self.end = weakref.finalize(self, _end, stack.pop_all(), self._owner)

    @property
    def own(self) -> bool:
        """Whether this process started it, rather than one that this process was forked from."""
        return self._owner == os.getpid()

    @property
    def alive(self) -> bool:
        """Whether it is running and belongs to this process."""
        return self.own and self._child.alive

    @property
    def killed(self) -> bool:
        """Whether a signal from outside has killed it."""
        return self.own and self._child.killed

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def kill(self) -> int:
        """Kill the process, from any thread; a thread that waits for it gets `WorkerError`. Returns -SIGNAL, or 0."""
        return self._child.kill()

    def send(self, content: bytes, deadline: "Deadline") -> None:
        """Write all of `content`; raises `WorkerError` where the process has ended, and as `Deadline.check`."""
        view = memoryview(content)
        while view:
            _wait(self._out, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._out, view[:_CHUNK_BYTES]) :]
            except BrokenPipeError:
                raise WorkerError("the worker has ended") from None

    def receive(self, length: int, deadline: "Deadline") -> bytearray:
        """Read `length` bytes; raises as `send`."""
        content = bytearray(length)
        filled = min(length, len(self._read_ahead))
        content[:filled] = self._read_ahead[:filled]
        del self._read_ahead[:filled]
        ahead = bytearray(_READ_AHEAD_BYTES if filled < length else 0)
        while filled < length:
            rest = length - filled
            with memoryview(content) as view:
                try:
                    read = os.readv(self._in, [view[filled:], ahead])
                except BlockingIOError:
                    _wait(self._in, select.POLLIN, deadline)
                    continue
            if not read:
                raise WorkerError("the worker ended without an answer")
            filled += min(read, rest)
            self._read_ahead = ahead[: max(0, read - rest)]
        return content


class Deadline:
    """Time limit of one request: wall-clock time and, optionally, CPU time of the worker."""

    def __init__(self, worker: PythonWorker, wall_seconds: float, cpu_seconds: float = math.inf) -> None:
        self._pid = worker.pid
        self._cpu_until = self._cpu_seconds() + cpu_seconds
        self._wall_until = time.monotonic() + wall_seconds

    def check(self) -> None:
        """Raise `WorkerError` after the CPU time is used up, `WorkerStalledError` after the wall-clock time."""
        if self._cpu_seconds() > self._cpu_until:
            raise WorkerError("the worker was stopped at the time limit")
        if time.monotonic() > self._wall_until:
            raise WorkerStalledError(process.stalled_message("a worker"))

    def _cpu_seconds(self) -> float:
        if sys.platform != "linux":
            return time.monotonic()
        try:
            return time.clock_gettime(~self._pid << 3 | _CPU_CLOCK)  # clock_getcpuclockid(3), as glibc has it
        except OSError:  # it has ended
            return 0.0


def python_access() -> FileAccess:
    """Access to what a Python process of this project imports: of a checkout, only the package itself."""
    installed = (place for place in sys.path if Path(place).name in _PACKAGE_FOLDERS)
    read = (sys.prefix, sys.base_prefix, str(Path(im2latex.__file__).parent), *installed)
    return FileAccess(read=tuple(map(Path, read)), listed=tuple(Path(place) for place in sys.path if place))


def _end(stack: contextlib.ExitStack, owner: int) -> None:
    if os.getpid() == owner:
        stack.close()


def _wait(descriptor: int, event: int, deadline: Deadline) -> None:
    while not cancellation.ready(descriptor, event, _POLL_SECONDS):
        deadline.check()
