"""Start a program with a time limit, a memory limit and no way to outlive us.

The one file of the project that starts programs. A program runs in its own process group with hard limits on
processor time, address space and file size, in a minimal environment and a throw-away folder, and dies with its
parent. A program that is given untrusted input also runs in a `sandbox`: it reads the system's files and what `access`
names, and writes in its folder. This module knows nothing of TeX or images.

The number of processes is not limited: that limit counts all processes of the user, so that a busy machine would
fail a good run. The programs here get by without children, and a child they start anyway dies with the group.
"""

import contextlib
import math
import os
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pydantic import Field

from im2latex.config import Params
from im2latex.errors import FULL_DISK, ToolError
from im2latex.parallel import cancellation
from im2latex.parallel.process_guard import follower
from im2latex.sandbox import scratch
from im2latex.sandbox.restrictions import FileAccess, Sandbox, sandbox

DEBIAN_PACKAGES = {
    "pdftex": "texlive-latex-base",
    "pdflatex": "texlive-latex-base",
    "kpsewhich": "texlive-binaries",
    "gs": "ghostscript",
    "pdftoppm": "poppler-utils",
    "convert": "imagemagick",
    "dvipng": "dvipng",
}
_MEMORY_FOLDER = Path("/dev/shm")
_ROOM_MB = 512  # of which two runs at once use a part; containers often have 64
_FULL_MB = 1
_STEP_SECONDS = 0.1
_BACKGROUND_NICE = 19
_TIME_SIGNALS = (-signal.SIGXCPU, -signal.SIGPROF)
_ANSWER_SECONDS = 20
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
"""Signals that no program here sends itself; the system sends the first where memory runs out."""
_MB = 1 << 20


class ProcessLimits(Params):
    """What one run of TeX or of a rasterizer may use."""

    timeout_seconds: float = Field(
        default=3, gt=0, description="processor time for a formula set alone; above one, whole seconds"
    )
    memory_mb: int = Field(default=2048, ge=256, description="address space")
    file_mb: int = Field(default=128, ge=8, description="size of a file it writes, of its output too")


@dataclass(frozen=True)
class CompletedProcess:
    """How a program ended: `returncode` is negative for the signal that killed it.

    `timed_out` says that it was stopped at a limit; `stalled` that this was the limit of the clock, so that it got less
    of the processor than it may use.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    stalled: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself and with success."""
        return self.returncode == 0 and not self.timed_out


def find_program(program: str) -> Path:
    """The path of a program; raises `ToolError` that names the Debian package to install."""
    path = shutil.which(program)
    if path is None:
        package = DEBIAN_PACKAGES.get(program, program)
        raise ToolError(f"{program} is not installed; on Debian or Ubuntu: sudo apt-get install {package}")
    return Path(path)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new empty folder, in memory where there is room, gone afterwards.

    The first call in a process also removes those that killed processes have left.
    """
    _remove_stale()
    try:
        roomy = _free_mb(_MEMORY_FOLDER) >= _ROOM_MB
        folder = scratch.create(_MEMORY_FOLDER if roomy else None)
    except OSError:
        folder = scratch.create(None)
    try:
        yield folder
    finally:
        scratch.remove(folder)


@cache
def _remove_stale() -> None:
    for folder in {_MEMORY_FOLDER, Path(tempfile.gettempdir())}:
        scratch.remove_stale(folder)


class ChildProcess:
    """A program that has been started. It must be brought to its end by `finish` or `kill`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        cpu_seconds: float,
        memory_mb: int,
        file_mb: int,
        access: FileAccess | None,
        env: Mapping[str, str] | None = None,
        inherited: tuple[int, ...] = (),
        background: bool = False,
    ) -> None:
        """Start `command`; `env` is added to a minimal environment whose HOME and TMPDIR are `cwd`.

        With `access` it runs in a sandbox: it reads the system's files and what `access` names, and writes in `cwd`.
        None is for programs whose input is trusted. `inherited` are file descriptors that stay open. In the
        `background` it leaves the processor to others. The output is bounded by `file_mb`, since it is collected in
        files. Raises `ToolError` where the program is missing.
        """
        executable = find_program(command[0])
        self._name = command[0]
        self._folder = cwd
        self._ended = False
        limit = _limits(cpu_seconds, memory_mb * _MB, file_mb * _MB, background)
        ceiling = resource.getrlimit(resource.RLIMIT_CPU)[1]
        # Then the kernel sends SIGKILL at the limit, not SIGXCPU.
        self._one_limit = ceiling != resource.RLIM_INFINITY and ceiling <= cpu_seconds
        with contextlib.ExitStack() as stack:
            self._out = stack.enter_context(tempfile.TemporaryFile(dir=cwd))
            self._err = stack.enter_context(tempfile.TemporaryFile(dir=cwd))
            with _restrictions(access, cwd) as restrictions:
                full = [str(executable), *command[1:]]
                self._process = subprocess.Popen(
                    full if restrictions is None else restrictions.command(full),
                    cwd=cwd,
                    stdin=subprocess.PIPE,
                    stdout=self._out,
                    stderr=self._err,
                    env=_environment(cwd, env or {}),
                    start_new_session=True,
                    preexec_fn=limit if restrictions is None else _in_turn(limit, restrictions.enter),
                    pass_fds=(*inherited, *(() if restrictions is None else restrictions.inherited)),
                )
            self._files = stack.pop_all()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return not _wait(self._process, 0)

    @property
    def killed(self) -> bool:
        """Whether somebody else has killed it; it is not reaped."""
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended is not None and ended.si_code == os.CLD_KILLED and ended.si_status in _FROM_OUTSIDE

    def give(self, stdin: bytes) -> None:
        """Write its whole input, at most the 64 KiB that a pipe holds; without this it finds an empty one."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(stdin)

    def finish(self, timeout_seconds: float) -> CompletedProcess:
        """Wait for its end, or kill it and its whole group at the time limit, or where the call is cancelled.

        Raises `ToolError` where the disk is full then, since its output may be cut off, and where somebody else killed
        it: neither says anything of its input.
        """
        with self._files:
            stalled = True
            try:
                self.give(b"")
                stalled = not _wait(self._process, timeout_seconds)
            finally:
                self._end()
            self._out.seek(0)
            self._err.seek(0)
            code = self._process.returncode
            timed_out = stalled or code in _TIME_SIGNALS or (code == -signal.SIGKILL and self._one_limit)
            if _free_mb(self._folder) < _FULL_MB:
                raise ToolError(f"{self._folder.parent}: {FULL_DISK}")
            if not timed_out and -code in _FROM_OUTSIDE:
                raise ToolError(killed_message(self._name, -code))
            return CompletedProcess(code, self._out.read(), self._err.read(), timed_out, stalled)

    def kill(self) -> int:
        """End it unheard, at any time; how it ended, by itself or now: negative for the signal."""
        with self._files:
            self._end()
        return self._process.returncode

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        # The group is killed on every way out: at the limit, on an exception, and after a normal end, where a stray
        # grandchild may still be alive. The leader is reaped only afterwards, so its number is still ours.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.give(b"")


def run_process(
    command: Sequence[str],
    *,
    cwd: Path,
    timeout_seconds: float,
    cpu_seconds: float | None = None,
    memory_mb: int,
    file_mb: int,
    access: FileAccess | None,
    env: Mapping[str, str] | None = None,
) -> CompletedProcess:
    """Run `command` to its end, or kill it and its whole group at the time limit.

    `timeout_seconds` is wall-clock time; `cpu_seconds` (default: as much) is processor time, after which
    `timed_out` is set too. The rest as for `ChildProcess`.
    """
    cpu = cpu_seconds if cpu_seconds is not None else max(1, round(timeout_seconds + 0.5))
    child = ChildProcess(
        command, cwd=cwd, cpu_seconds=cpu, memory_mb=memory_mb, file_mb=file_mb, access=access, env=env
    )
    return child.finish(timeout_seconds)


def killed_message(program: str, number: int = signal.SIGKILL) -> str:
    """What to tell of a program that somebody else has killed."""
    return (
        f"{program} was killed by {signal.Signals(number).name}, as the system does where memory runs out; "
        "set IM2LATEX_WORKERS lower and run the same command again"
    )


def stalled_message(program: str) -> str:
    """What to tell of a program that got less of the processor than it may use."""
    return f"{program} was stopped by the clock, for the machine is busy; run the same command again"


def version_line(program: str, *arguments: str) -> str:
    """The first line a program prints, for its version; raises `ToolError` where it is missing or fails."""
    return output_lines(program, *arguments)[0]


@cache
def output_lines(program: str, *arguments: str) -> tuple[str, ...]:
    """The lines a program prints, at least one; raises `ToolError` where it is missing or fails."""
    done = query_program(program, *arguments)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    if done.returncode != 0 or not lines:
        raise ToolError(f"{program} {' '.join(arguments)} failed with status {done.returncode}; reinstall it")
    return tuple(line.strip() for line in lines)


def query_program(program: str, *arguments: str, env: Mapping[str, str] | None = None) -> CompletedProcess:
    """Run a program that answers at once, on trusted arguments; raises `ToolError` where it is missing or stalled."""
    with tempfile.TemporaryDirectory() as folder:
        done = run_process(
            [program, *arguments],
            cwd=Path(folder),
            timeout_seconds=10 * _ANSWER_SECONDS,  # a busy machine fails no good program
            cpu_seconds=_ANSWER_SECONDS,
            memory_mb=2048,
            file_mb=1,
            access=None,
            env=env,
        )
    if done.stalled:
        raise ToolError(stalled_message(program))
    return done


def _wait(child: "subprocess.Popen[bytes]", timeout_seconds: float) -> bool:
    """Wait for the end of the child without reaping it; False when the time is over.

    A file descriptor for the process wakes us at once, where `Popen.wait` with a limit sleeps up to 50 ms too long.
    """
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # not Linux, an old kernel, or a container that forbids the call
        return _wait_in_steps(child, timeout_seconds)
    try:
        return cancellation.ready(descriptor, select.POLLIN, timeout_seconds)
    finally:
        os.close(descriptor)


def _wait_in_steps(child: "subprocess.Popen[bytes]", timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while child.poll() is None:
        if time.monotonic() >= deadline:
            return False
        cancellation.check()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_STEP_SECONDS)
    return True


def _free_mb(folder: Path) -> int:
    return shutil.disk_usage(folder).free // _MB


@contextlib.contextmanager
def _restrictions(access: FileAccess | None, folder: Path) -> Iterator[Sandbox | None]:
    """The sandbox of a program that writes in `folder`; None without `access`."""
    if access is None:
        yield None
        return
    with sandbox(replace(access, write=(*access.write, folder))) as prepared:
        yield prepared


def _in_turn(*functions: Callable[[], None]) -> Callable[[], None]:
    def apply() -> None:
        for function in functions:
            function()

    return apply


def _environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """What a program sees of ours: the search path and nothing else."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C", **extra}


def _limits(cpu_seconds: float, memory_bytes: int, file_bytes: int, background: bool) -> Callable[[], None]:
    """What the child does to itself between fork and exec; everything slow or unsafe there is done here, before."""
    follow = follower(os.getpid())
    whole_seconds = math.ceil(cpu_seconds)
    limits = [
        (resource.RLIMIT_CPU, whole_seconds, whole_seconds + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ]
    # An ordinary user can only lower a hard limit: keep to the one in force.
    limits = [(what, *_within(resource.getrlimit(what)[1], soft, hard)) for what, soft, hard in limits]

    def apply() -> None:
        follow()
        for what, soft, hard in limits:
            resource.setrlimit(what, (soft, hard))
        if cpu_seconds < whole_seconds:
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        if background:
            os.nice(_BACKGROUND_NICE)
            # Where each session is scheduled as a group (sched(7), autogroup), it is the group that counts.
            with contextlib.suppress(OSError):
                Path("/proc/self/autogroup").write_text(str(_BACKGROUND_NICE))

    return apply


def _within(ceiling: int, soft: int, hard: int) -> tuple[int, int]:
    """The limits, lowered to the hard limit in force."""
    if ceiling == resource.RLIM_INFINITY:
        return soft, hard
    return min(soft, ceiling), min(hard, ceiling)
