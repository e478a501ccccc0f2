"""Sandboxed Python process that answers requests over two pipes.

It reads the interpreter, the installed packages and this package, writes nothing, and ends with the process, and with
the thread, that started it. Its requests and answers are of no concern here.
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
from im2latex.sandbox import process
from im2latex.sandbox.restrictions import FileAccess

_CHUNK = _PIPE = 1 << 20
_AHEAD = 1 << 16
"""Bytes that a read may take of the answers to come, so that small ones need no call of the system each."""
_FOR_LIFE = 1 << 20
"""Processor seconds: a worker serves many requests, and limits each by itself or is limited by the clock."""
_POLL_SECONDS = 0.2
_CPU_CLOCK = 2
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")


class WorkerError(ToolError):
    """The worker died, or used up its processor time; another request may still succeed."""


class WorkerStalledError(ToolError):
    """The worker got too little of the processor to answer; the request is not to blame."""


class PythonWorker:
    """`python -m MODULE IN OUT` and the two pipes to it; IN and OUT are file descriptors."""

    def __init__(self, module: str, memory_mb: int) -> None:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(process.temporary_folder())
            theirs_in, self._out = os.pipe()
            self._in, theirs_out = os.pipe()
            for descriptor in (self._out, self._in):
                os.set_blocking(descriptor, False)
                with contextlib.suppress(OSError, AttributeError):  # not Linux, or too many such pipes of this user
                    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE)
                stack.callback(os.close, descriptor)
            try:
                self._child = process.ChildProcess(
                    [sys.executable, "-m", module, str(theirs_in), str(theirs_out)],
                    cwd=folder,
                    cpu_seconds=_FOR_LIFE,
                    memory_mb=memory_mb,
                    file_mb=1,
                    access=python_access(),
                    env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
                    inherited=(theirs_in, theirs_out),
                )
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            stack.callback(self._child.kill)
            self._ahead = bytearray()
            self._owner = os.getpid()
            self.end = weakref.finalize(self, _end, stack.pop_all(), self._owner)

    @property
    def own(self) -> bool:
        """Whether it was started by this process rather than by the one that this one was forked from."""
        return self._owner == os.getpid()

    @property
    def alive(self) -> bool:
        """Whether it runs, and is of this process."""
        return self.own and self._child.alive

    @property
    def killed(self) -> bool:
        """Whether somebody else has killed it."""
        return self.own and self._child.killed

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._child.pid

    def kill(self) -> int:
        """End the process, from any thread; a thread that waits for it finds it dead. How it ended: -SIGNAL, or 0."""
        return self._child.kill()

    def send(self, content: bytes, limit: "Deadline") -> None:
        """Write all of it; raises `WorkerError` where the process has ended, and as `Deadline.check`."""
        view = memoryview(content)
        while view:
            _wait(self._out, select.POLLOUT, limit)
            try:
                view = view[os.write(self._out, view[:_CHUNK]) :]
            except BrokenPipeError:
                raise WorkerError("the worker has ended") from None

    def receive(self, length: int, limit: "Deadline") -> bytearray:
        """Read so many bytes; raises as `send`."""
        content = bytearray(length)
        filled = min(length, len(self._ahead))
        content[:filled] = self._ahead[:filled]
        del self._ahead[:filled]
        ahead = bytearray(_AHEAD if filled < length else 0)
        while filled < length:
            rest = length - filled
            with memoryview(content) as view:
                try:
                    read = os.readv(self._in, [view[filled:], ahead])
                except BlockingIOError:
                    _wait(self._in, select.POLLIN, limit)
                    continue
            if not read:
                raise WorkerError("the worker ended without an answer")
            filled += min(read, rest)
            self._ahead = ahead[: max(0, read - rest)]
        return content


class Deadline:
    """Time of a worker for one request: by the clock and, where it is given, of its processor."""

    def __init__(self, worker: PythonWorker, clock_seconds: float, processor_seconds: float = math.inf) -> None:
        self._pid = worker.pid
        self._processor_until = self._spent() + processor_seconds
        self._clock_until = time.monotonic() + clock_seconds

    def check(self) -> None:
        """Raise `WorkerError` where the processor time is used up, `WorkerStalledError` where the clock's is."""
        if self._spent() > self._processor_until:
            raise WorkerError("the worker was stopped at the time limit")
        if time.monotonic() > self._clock_until:
            raise WorkerStalledError(process.stalled_message("a worker"))

    def _spent(self) -> float:
        if sys.platform != "linux":
            return time.monotonic()
        try:
            return time.clock_gettime(~self._pid << 3 | _CPU_CLOCK)  # clock_getcpuclockid(3), as glibc has it
        except OSError:  # it has ended
            return 0.0


def python_access() -> FileAccess:
    """What a Python process of this project imports: no file of a checkout but the package itself."""
    installed = (place for place in sys.path if Path(place).name in _PACKAGE_FOLDERS)
    read = (sys.prefix, sys.base_prefix, str(Path(im2latex.__file__).parent), *installed)
    return FileAccess(read=tuple(map(Path, read)), listed=tuple(Path(place) for place in sys.path if place))


def _end(stack: contextlib.ExitStack, owner: int) -> None:
    if os.getpid() == owner:
        stack.close()


def _wait(descriptor: int, event: int, limit: Deadline) -> None:
    while not cancellation.ready(descriptor, event, _POLL_SECONDS):
        limit.check()
