r"""Restrictions of child processes: resource limits, and a sandbox of Landlock and seccomp, or of bubblewrap.

Every child process has limits on CPU time, address space and file size.

A process in the sandbox, and every process that it starts, can read only the files and folders of its `FileAccess`,
write only in the folders of its `FileAccess`, and has no sockets, no tracing, no signals to others, no shared memory,
no io_uring and no way to change the attributes of files. The sandbox holds even when an attacker controls the program:
`openin_any=p` of TeX, for example, does not stop `\pdfobj stream file{...}`. It needs no privilege and cannot be
lifted. It does not hide names, sizes and attributes of files (`stat`), or the time.
"""

import contextlib
import math
import os
import platform
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pydantic import Field

from im2latex.config import Params
from im2latex.parallel.process_guard import exit_with_parent
from im2latex.sandbox import kernel_restrictions
from im2latex.sandbox.kernel_restrictions import SeccompFilter, checked, filter_program, libc


class ProcessLimits(Params):
    """Limits of one run of TeX or of a rasterizer."""

    timeout_seconds: float = Field(
        default=3, gt=0, description="CPU time for a formula set alone; above one, whole seconds"
    )
    memory_mb: int = Field(default=2048, ge=256, description="address space")
    file_mb: int = Field(default=128, ge=8, description="size of a file it writes, of its output too")


@dataclass(frozen=True)
class FileAccess:
    """The files that a process may use besides `SYSTEM`; a folder includes everything below it."""

    read: tuple[Path, ...] = ()
    """Files to read and to execute."""
    write: tuple[Path, ...] = ()
    """Folders in which it also creates and writes files."""
    listed: tuple[Path, ...] = ()
    """Folders whose names it may list, without the contents of their files."""


@dataclass(frozen=True)
class Support:
    """The mechanisms of this system: Landlock ABI version (0: none), seccomp filters, and a working bubblewrap."""

    landlock: int
    seccomp: bool
    bubblewrap: Path | None

    @property
    def complete(self) -> bool:
        """Whether both files and system calls can be restricted."""
        return self.seccomp and (self.landlock > 0 or self.bubblewrap is not None)

    @property
    def names(self) -> str:
        """The names of the mechanisms, for messages."""
        found = [f"Landlock ABI {self.landlock}"] if self.landlock else ["bubblewrap"] if self.bubblewrap else []
        return ", ".join([*found, *(["seccomp"] if self.seccomp else [])])


SYSTEM = (
    *map(Path, ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache", "/etc/alternatives")),
    *map(Path, ("/etc/texmf", "/var/lib/texmf", "/etc/fonts", "/var/cache/fontconfig", "/etc/localtime")),
    *map(Path, ("/etc/ghostscript", "/var/lib/ghostscript", "/etc/ImageMagick-6", "/etc/ImageMagick-7")),
    *map(Path, ("/etc/papersize", "/etc/paperspecs")),
)
"""Programs, libraries, fonts and TeX files of the system; none holds data of users."""
UNRESTRICTED = "TeX and the rasterizers run without a sandbox: a formula may read the files of this user"
"""The consequence where the support is not complete."""
REMEDY = "use Linux 5.13 or newer with Landlock and seccomp (in a container, that of its host), or install bubblewrap"
_DEVICES = (Path("/dev/null"), Path("/dev/zero"), Path("/dev/urandom"), Path("/dev/random"))
_PR_SET_NO_NEW_PRIVS = 38
_BACKGROUND_NICE = 19


def limit_setter(cpu_seconds: float, memory_bytes: int, file_bytes: int, background: bool) -> Callable[[], None]:
    """The function that a child calls between fork and exec to limit itself and to end with its parent.

    All that is slow, or unsafe between fork and exec, is done here.
    """
    bind_to_parent = exit_with_parent(os.getpid())
    whole_seconds = math.ceil(cpu_seconds)
    limits = [
        (resource.RLIMIT_CPU, whole_seconds, whole_seconds + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ]
    # An ordinary user can only lower a hard limit.
    limits = [(what, *_within(resource.getrlimit(what)[1], soft, hard)) for what, soft, hard in limits]

    def set_limits() -> None:
        bind_to_parent()
        for what, soft, hard in limits:
            resource.setrlimit(what, (soft, hard))
        if cpu_seconds < whole_seconds:
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        if background:
            os.nice(_BACKGROUND_NICE)
            # Where each session is scheduled as a group (sched(7), autogroup), the group's nice value counts.
            with contextlib.suppress(OSError):
                Path("/proc/self/autogroup").write_text(str(_BACKGROUND_NICE))

    return set_limits


def killed_at_cpu_limit(cpu_seconds: float) -> bool:
    """Whether the kernel sends SIGKILL rather than SIGXCPU to a child that uses up `cpu_seconds`.

    It does where the hard limit in force is as low.
    """
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    return hard != resource.RLIM_INFINITY and hard <= cpu_seconds


def _within(ceiling: int, soft: int, hard: int) -> tuple[int, int]:
    """The limits, lowered to the hard limit in force."""
    if ceiling == resource.RLIM_INFINITY:
        return soft, hard
    return min(soft, ceiling), min(hard, ceiling)


@cache
def support() -> Support:
    """The restrictions that this kernel offers."""
    if platform.system() != "Linux" or platform.machine() not in kernel_restrictions.ARCHITECTURES:
        return Support(0, seccomp=False, bubblewrap=None)
    abi = kernel_restrictions.landlock_abi()
    return Support(abi, kernel_restrictions.seccomp_supported(), None if abi else _usable_bubblewrap())


class Sandbox:
    """Restrictions prepared for one process; close it once that process has been started."""

    def __init__(self, access: FileAccess) -> None:
        found = support()
        self._access = access
        self._filter = SeccompFilter() if found.seccomp else None
        self._ruleset: int | None = None
        if found.landlock:
            read = (*SYSTEM, *access.read)
            self._ruleset = kernel_restrictions.create_ruleset(
                read, access.write, access.listed, _DEVICES, found.landlock
            )
        self._bubblewrap = found.bubblewrap
        self._program_file: int | None = None

    def command(self, command: Sequence[str]) -> list[str]:
        """The command to start: unchanged under Landlock, else prefixed with bubblewrap."""
        if self._bubblewrap is None or self._filter is None:
            return list(command)
        self._program_file = os.memfd_create("seccomp", 0)
        os.write(self._program_file, filter_program())
        os.lseek(self._program_file, 0, os.SEEK_SET)
        options = ["--unshare-all", "--die-with-parent", "--dev", "/dev", "--seccomp", str(self._program_file)]
        for flag, paths in (("--ro-bind", (*SYSTEM, *self._access.read)), ("--bind", self._access.write)):
            options += [part for path in paths if path.exists() for part in (flag, str(path), str(path))]
        return [str(self._bubblewrap), *options, "--", *command]

    @property
    def inherited(self) -> tuple[int, ...]:
        """File descriptors that the command needs."""
        return () if self._program_file is None else (self._program_file,)

    def enter(self) -> None:
        """Restrict the calling process for good, between fork and exec; raises `OSError` where the kernel refuses."""
        if self._bubblewrap is not None:
            return
        if self._ruleset is None and self._filter is None:
            return
        checked(libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        if self._ruleset is not None:
            kernel_restrictions.enter_ruleset(self._ruleset)
        if self._filter is not None:
            self._filter.enter()

    def close(self) -> None:
        """Close the file descriptors; the restrictions of processes already started stay."""
        for descriptor in (self._ruleset, self._program_file):
            if descriptor is not None:
                os.close(descriptor)
        self._ruleset = self._program_file = None


@contextmanager
def sandbox(access: FileAccess | None, folder: Path) -> Iterator[Sandbox | None]:
    """Yield restrictions for a process started inside the context that writes in `folder`; None without `access`."""
    if access is None:
        yield None
        return
    prepared = Sandbox(replace(access, write=(*access.write, folder)))
    try:
        yield prepared
    finally:
        prepared.close()


def _usable_bubblewrap() -> Path | None:
    """Bubblewrap, if it is installed and may create namespaces here."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = subprocess.run(
        [found, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, check=False, timeout=20
    )
    return Path(found) if trial.returncode == 0 else None
