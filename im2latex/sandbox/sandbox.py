r"""Sandbox of child processes: Landlock and seccomp, or bubblewrap.

A process in the sandbox, and every process that it starts, can read only the files and folders of its `FileAccess`,
write only in the folders of its `FileAccess`, and has no sockets, no tracing, no signals to others, no shared memory,
no io_uring and no way to change the attributes of files. The sandbox holds even when an attacker controls the program:
`openin_any=p` of TeX, for example, does not stop `\pdfobj stream file{...}`. It needs no privilege and cannot be
lifted. It does not hide names, sizes and attributes of files (`stat`), or the time.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from im2latex.sandbox import landlock, seccomp
from im2latex.sandbox.libc import checked, libc


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


@cache
def support() -> Support:
    """The sandbox mechanisms of this kernel."""
    if platform.system() != "Linux" or platform.machine() not in seccomp.ARCHITECTURES:
        return Support(0, seccomp=False, bubblewrap=None)
    abi = landlock.landlock_abi()
    return Support(abi, seccomp.seccomp_supported(), None if abi else _usable_bubblewrap())


class Sandbox:
    """Restrictions prepared for one process; close it once that process has been started."""

    def __init__(self, access: FileAccess) -> None:
        found = support()
        self._access = access
        self._filter = seccomp.SeccompFilter() if found.seccomp else None
        self._ruleset: int | None = None
        if found.landlock:
            read = (*SYSTEM, *access.read)
            self._ruleset = landlock.create_ruleset(read, access.write, access.listed, _DEVICES, found.landlock)
        self._bubblewrap = found.bubblewrap
        self._program_file: int | None = None

    def command(self, command: Sequence[str]) -> list[str]:
        """The command to start: unchanged under Landlock, else prefixed with bubblewrap."""
        if self._bubblewrap is None or self._filter is None:
            return list(command)
        self._program_file = os.memfd_create("seccomp", 0)
        os.write(self._program_file, seccomp.filter_program())
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
            landlock.enter_ruleset(self._ruleset)
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
