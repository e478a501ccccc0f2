"""Child processes with a time limit, a memory limit and no way to outlive their parent.

The only module of the project that starts programs. A program runs in its own process group with hard limits on
CPU time, address space and file size, in a minimal environment and a temporary folder, and ends with its parent.
A program with untrusted input also runs in a sandbox (`sandbox.sandbox`): it reads the files of the system and those
that `access` names, and writes in its folder.

The number of processes is not limited: that limit counts all processes of the user, so that a busy machine would
fail a good run. The programs here get by without children, and a child they start anyway is killed with the group.
"""

import contextlib
import mmap
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from im2latex.errors import FULL_DISK, ToolError
from im2latex.parallel import cancellation
from im2latex.sandbox.resource_limits import killed_at_cpu_limit, limit_setter
from im2latex.sandbox.sandbox import FileAccess, sandbox
from im2latex.sandbox.system_packages import find_program

_MIN_FREE_MB = 1
_POLL_SECONDS = 0.1
_TIME_SIGNALS = (-signal.SIGXCPU, -signal.SIGPROF)
_QUERY_SECONDS = 20
_EXTERNAL_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
"""Signals that no program here sends itself; the system sends the first where memory runs out."""
_MB = 1 << 20


@dataclass(frozen=True)
class CompletedProcess:
    """Result of a program; `returncode` is negative for the signal that killed it.

    `timed_out`: it was stopped at a limit. `stalled`: that was the limit of wall-clock time, so that it got less of the
    CPU than it may use. `mapped`: the standard output instead of `stdout`, where that was asked for and is not empty.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    stalled: bool = False
    mapped: mmap.mmap | None = None

    @property
    def ok(self) -> bool:
        """Whether it ended by itself and with success."""
        return self.returncode == 0 and not self.timed_out


class ChildProcess:
    """A running program; end it with `wait` or `kill`."""

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

        With `access` it runs in a sandbox: it reads the files of the system and those that `access` names, and writes
        in `cwd`. None is for programs with trusted input. `inherited` are file descriptors that stay open. In the
        `background` it has the lowest priority. The output is collected in files, so that `file_mb` bounds it. Raises
        `ToolError` where the program is missing.
        """
        executable = find_program(command[0])
        self._name = command[0]
        self._folder = cwd
        self._ended = False
        set_limits = limit_setter(cpu_seconds, memory_mb * _MB, file_mb * _MB, background)
        self._killed_at_limit = killed_at_cpu_limit(cpu_seconds)
        with contextlib.ExitStack() as stack:
            self._out = stack.enter_context(tempfile.TemporaryFile(dir=cwd))
            self._err = stack.enter_context(tempfile.TemporaryFile(dir=cwd))
            with sandbox(access, cwd) as restrictions:
                full = [str(executable), *command[1:]]
                self._process = subprocess.Popen(
                    full if restrictions is None else restrictions.command(full),
                    cwd=cwd,
                    stdin=subprocess.PIPE,
                    stdout=self._out,
                    stderr=self._err,
                    env=_environment(cwd, env or {}),
                    start_new_session=True,
                    preexec_fn=set_limits if restrictions is None else _in_turn(set_limits, restrictions.enter),
                    pass_fds=(*inherited, *(() if restrictions is None else restrictions.inherited)),
                )
            self._files = stack.pop_all()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return not _wait(self._process, 0)

    @property
    def killed(self) -> bool:
        """Whether a signal from outside has killed it; does not reap it.

        One whose pipes have just been closed is given a moment, since the system closes them before it reports the end.
        """
        _wait(self._process, _POLL_SECONDS)
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended is not None and ended.si_code == os.CLD_KILLED and ended.si_status in _EXTERNAL_SIGNALS

    def write_input(self, stdin: bytes) -> None:
        """Write its whole standard input, at most the 64 KiB that a pipe holds; the default is an empty one."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(stdin)

    def wait(self, timeout_seconds: float, map_output: bool = False) -> CompletedProcess:
        """Wait for its end; kill it and its whole group at the time limit, and where the call is cancelled.

        With `map_output` its standard output is mapped into memory instead of read, which saves a copy of a large one.
        Raises `ToolError` where the disk is full afterwards, since the output may be incomplete, and where a signal
        from outside killed it: the input is not the cause of either.
        """
        with self._files:
            stalled = True
            try:
                self.write_input(b"")
                stalled = not _wait(self._process, timeout_seconds)
            finally:
                self._end()
            self._out.seek(0)
            self._err.seek(0)
            code = self._process.returncode
            timed_out = stalled or code in _TIME_SIGNALS or (code == -signal.SIGKILL and self._killed_at_limit)
            if _free_mb(self._folder) < _MIN_FREE_MB:
                raise ToolError(f"{self._folder.parent}: {FULL_DISK}")
            if not timed_out and -code in _EXTERNAL_SIGNALS:
                raise ToolError(killed_message(self._name, -code))
            mapped = None
            if map_output and os.fstat(self._out.fileno()).st_size:
                mapped = mmap.mmap(self._out.fileno(), 0, access=mmap.ACCESS_READ)
            output = b"" if map_output else self._out.read()
            return CompletedProcess(code, output, self._err.read(), timed_out, stalled, mapped)

    def kill(self) -> int:
        """Kill it without reading its output; returns its status, negative for the signal."""
        with self._files:
            self._end()
        return self._process.returncode

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        # The group is killed on every path: at the limit, on an exception, and after a normal end, since a grandchild
        # may still be running. The leader is reaped only afterwards, so that its process id is still its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.write_input(b"")


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
    map_output: bool = False,
) -> CompletedProcess:
    """Run `command` to its end, or kill it and its whole group at the time limit.

    `timeout_seconds` is wall-clock time; `cpu_seconds` (default: as much) is CPU time, after which
    `timed_out` is set too. The other arguments are those of `ChildProcess` and its `wait`.
    """
    cpu = cpu_seconds if cpu_seconds is not None else max(1, round(timeout_seconds + 0.5))
    child = ChildProcess(
        command, cwd=cwd, cpu_seconds=cpu, memory_mb=memory_mb, file_mb=file_mb, access=access, env=env
    )
    return child.wait(timeout_seconds, map_output)


def killed_message(program: str, number: int = signal.SIGKILL) -> str:
    """The message for a program that a signal from outside killed."""
    return (
        f"{program} was killed by {signal.Signals(number).name}, as the system does where memory runs out; "
        "set IM2LATEX_WORKERS lower and run the same command again"
    )


def stalled_message(program: str) -> str:
    """The message for a program that got less CPU time than it may use."""
    return f"{program} was stopped by the clock, for the machine is busy; run the same command again"


def version_line(program: str, *arguments: str) -> str:
    """The first line that a program prints, for its version; raises `ToolError` where it is missing or fails."""
    return output_lines(program, *arguments)[0]


@cache
def output_lines(program: str, *arguments: str) -> tuple[str, ...]:
    """The lines that a program prints, at least one; raises `ToolError` where it is missing or fails."""
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
            timeout_seconds=10 * _QUERY_SECONDS,  # a busy machine fails no good program
            cpu_seconds=_QUERY_SECONDS,
            memory_mb=2048,
            file_mb=1,
            access=None,
            env=env,
        )
    if done.stalled:
        raise ToolError(stalled_message(program))
    return done


def _wait(child: "subprocess.Popen[bytes]", timeout_seconds: float) -> bool:
    """Wait for the end of the child without reaping it; False when the time is over first.

    A file descriptor of the process is ready at once, where `Popen.wait` with a timeout sleeps up to 50 ms too long.
    """
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # not Linux, an old kernel, or a container that forbids the call
        return _wait_by_polling(child, timeout_seconds)
    try:
        return cancellation.ready(descriptor, select.POLLIN, timeout_seconds)
    finally:
        os.close(descriptor)


def _wait_by_polling(child: "subprocess.Popen[bytes]", timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while child.poll() is None:
        if time.monotonic() >= deadline:
            return False
        cancellation.check()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_POLL_SECONDS)
    return True


def _free_mb(folder: Path) -> int:
    return shutil.disk_usage(folder).free // _MB


def _in_turn(*functions: Callable[[], None]) -> Callable[[], None]:
    def apply() -> None:
        for function in functions:
            function()

    return apply


def _environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: of ours, the search path alone."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C", **extra}
