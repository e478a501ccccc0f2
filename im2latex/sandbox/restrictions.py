r"""File and system call restrictions for child processes: Landlock and seccomp on Linux, else bubblewrap.

A restricted process, and whatever it starts, reads only the files and folders that it was given, writes only in the
folders that it was given, and has no sockets, no tracing, no signals to others, no shared memory, no io_uring and no
way to change the attributes of files. The restrictions hold even when the program itself is under an attacker's
control: TeX's own `openin_any=p`, for example, does not stop `\pdfobj stream file{...}`. They need no privilege and
cannot be lifted. What they do not hide: names, sizes and attributes of files (`stat`), and the processor's time.

Sources: the kernel's Landlock documentation and linux/landlock.h (rights by ABI version); linux/seccomp.h and
linux/filter.h; system call numbers of x86-64 and of the generic table that arm64 uses.
"""

import ctypes
import os
import platform
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class FileAccess:
    """What a process may use besides `SYSTEM`; a folder stands for all that is below it."""

    read: tuple[Path, ...] = ()
    """Files to read and to execute."""
    write: tuple[Path, ...] = ()
    """Folders in which it also creates and writes files."""
    listed: tuple[Path, ...] = ()
    """Folders whose names it may list, without the contents of their files."""


@dataclass(frozen=True)
class Support:
    """What the kernel offers: the Landlock ABI version (0: none), seccomp filters, and a working bubblewrap."""

    landlock: int
    seccomp: bool
    bubblewrap: Path | None

    @property
    def complete(self) -> bool:
        """Whether both files and system calls can be restricted."""
        return self.seccomp and (self.landlock > 0 or self.bubblewrap is not None)

    @property
    def names(self) -> str:
        """What is there, for people."""
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
"""What it means where the support is not complete."""
REMEDY = "use Linux 5.13 or newer with Landlock and seccomp (in a container, that of its host), or install bubblewrap"
_DEVICES = (Path("/dev/null"), Path("/dev/zero"), Path("/dev/urandom"), Path("/dev/random"))

# linux/landlock.h
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _TRUNCATE, _IOCTL_DEV = 1 << 7, 1 << 8, 1 << 14, 1 << 15
_FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many of the lowest bits a version knows
_NET_FROM_ABI, _ALL_NET = 4, 0b11  # bind and connect of TCP
_SCOPES_FROM_ABI, _ALL_SCOPES = 6, 0b11  # abstract UNIX sockets and signals
_READ = _EXECUTE | _READ_FILE | _READ_DIR
# No symbolic links, pipes, sockets or devices: the caller opens what the process leaves behind.
_WRITE = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # alike on all architectures
_VERSION_FLAG, _PATH_BENEATH = 1, 1

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP, _MODE_FILTER = 22, 38, 21, 2
_ALLOW, _EPERM = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM
_LOAD, _EQUAL, _GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JGE|K, RET|K
_NR, _ARCH, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_X32_BIT = 0x40000000

_DENIED: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        # sockets
        "socket": (41, 198),
        "socketpair": (53, 199),
        # other processes
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "kcmp": (312, 272),
        "kill": (62, 129),
        "tkill": (200, 130),
        "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240),
        "pidfd_open": (434, 434),
        "pidfd_getfd": (438, 438),
        "pidfd_send_signal": (424, 424),
        "process_madvise": (440, 440),
        "shmget": (29, 194),
        "shmat": (30, 196),
        "msgget": (68, 186),
        "semget": (64, 190),
        "mq_open": (240, 180),
        # ways around the filter or into the kernel
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "bpf": (321, 280),
        "perf_event_open": (298, 241),
        "userfaultfd": (323, 282),
        "keyctl": (250, 219),
        "add_key": (248, 217),
        "request_key": (249, 218),
        "unshare": (272, 97),
        "setns": (308, 268),
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "open_by_handle_at": (304, 265),
        "init_module": (175, 105),
        "finit_module": (313, 273),
        # attributes of files, which Landlock does not cover
        "chmod": (90, -1),
        "fchmod": (91, 52),
        "fchmodat": (268, 53),
        "fchmodat2": (452, 452),
        "chown": (92, -1),
        "lchown": (94, -1),
        "fchown": (93, 55),
        "fchownat": (260, 54),
        "setxattr": (188, 5),
        "lsetxattr": (189, 6),
        "fsetxattr": (190, 7),
        "removexattr": (197, 14),
        "lremovexattr": (198, 15),
        "fremovexattr": (199, 16),
        "utime": (132, -1),
        "utimes": (235, -1),
        "futimesat": (261, -1),
        "utimensat": (280, 88),
    }
)
"""Refused system calls: their numbers on x86-64 and on arm64, -1 where there is none."""
_PRLIMIT = (302, 261)
"""Allowed for the process itself alone."""
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column in the tables above, AUDIT_ARCH value."""


@cache
def support() -> Support:
    """Ask the kernel which restrictions it offers."""
    if platform.system() != "Linux" or platform.machine() not in _ARCHITECTURES:
        return Support(0, seccomp=False, bubblewrap=None)
    landlock = max(0, _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG))
    seccomp = _libc().prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0
    return Support(landlock, seccomp, None if landlock else _usable_bubblewrap())


class Sandbox:
    """Restrictions prepared for one process; close it once that process has been started."""

    def __init__(self, access: FileAccess) -> None:
        found = support()
        self._access = access
        self._filter = _Filter(_program()) if found.seccomp else None
        self._ruleset = _ruleset(access, found.landlock) if found.landlock else None
        self._bubblewrap = found.bubblewrap
        self._program_file: int | None = None

    def command(self, command: Sequence[str]) -> list[str]:
        """The command to start: as given under Landlock, with bubblewrap in front where that takes its place."""
        if self._bubblewrap is None or self._filter is None:
            return list(command)
        self._program_file = os.memfd_create("seccomp", 0)
        os.write(self._program_file, _program())
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
        _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        if self._ruleset is not None:
            _checked(_libc().syscall(_RESTRICT_SELF, self._ruleset, 0))
        if self._filter is not None:
            _checked(_libc().prctl(_PR_SET_SECCOMP, _MODE_FILTER, self._filter.address, 0, 0))

    def close(self) -> None:
        """Release what the preparation holds; the restrictions of processes already started stay."""
        for descriptor in (self._ruleset, self._program_file):
            if descriptor is not None:
                os.close(descriptor)
        self._ruleset = self._program_file = None


@contextmanager
def sandbox(access: FileAccess) -> Iterator[Sandbox]:
    """Yield restrictions for a process that is started inside the context."""
    prepared = Sandbox(access)
    try:
        yield prepared
    finally:
        prepared.close()


def _ruleset(access: FileAccess, abi: int) -> int:
    """A Landlock ruleset as a file descriptor."""
    newest = max(version for version in _FILE_RIGHTS_BY_ABI if version <= abi)
    handled = (1 << _FILE_RIGHTS_BY_ABI[newest]) - 1
    attributes = struct.pack(
        "QQQ", handled, _ALL_NET if abi >= _NET_FROM_ABI else 0, _ALL_SCOPES if abi >= _SCOPES_FROM_ABI else 0
    )
    known = 8 * (1 + (abi >= _NET_FROM_ABI) + (abi >= _SCOPES_FROM_ABI))
    descriptor: int = _checked(_libc().syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(known), 0))
    try:
        for paths, rights in (
            ((*SYSTEM, *access.read), _READ),
            (access.write, _WRITE),
            (access.listed, _READ_DIR),
            (_DEVICES, _READ_FILE | _WRITE_FILE),
        ):
            for path in paths:
                _allow(descriptor, path, rights & handled)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Add a rule for a file or folder; one that does not exist needs none."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not path.is_dir():
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, place)
        _checked(_libc().syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0))
    finally:
        os.close(place)


@cache
def _program() -> bytes:
    """The seccomp filter: a BPF program that refuses the system calls of `_DENIED` with EPERM."""
    column, architecture = _ARCHITECTURES[platform.machine()]
    denied = sorted(numbers[column] for numbers in _DENIED.values() if numbers[column] >= 0)
    body = [(_EQUAL, number, "refuse", None) for number in denied]
    own = [
        (_EQUAL, _PRLIMIT[column], None, "allow"),
        (_LOAD, _FIRST_ARGUMENT, None, None),
        (_EQUAL, 0, "allow", "refuse"),
    ]
    head = [
        (_LOAD, _ARCH, None, None),
        (_EQUAL, architecture, None, "refuse"),
        (_LOAD, _NR, None, None),
        (_GREATER_EQUAL, _X32_BIT, "refuse", None),
    ]
    rows = [*head, *body, *own]
    places = {"allow": len(rows), "refuse": len(rows) + 1}
    code = b""
    for index, (operation, value, if_true, if_false) in enumerate(rows):
        jumps = [0 if target is None else places[target] - index - 1 for target in (if_true, if_false)]
        code += struct.pack("HBBI", operation, *jumps, value)
    return code + struct.pack("HBBI", _RETURN, 0, 0, _ALLOW) + struct.pack("HBBI", _RETURN, 0, 0, _EPERM)


class _Filter:
    """A BPF program in memory, as `struct sock_fprog` points to it."""

    def __init__(self, program: bytes) -> None:
        self._code = ctypes.create_string_buffer(program, len(program))
        self._header = ctypes.create_string_buffer(
            struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(self._code))
        )
        self.address = ctypes.c_void_p(ctypes.addressof(self._header))


def _usable_bubblewrap() -> Path | None:
    """Bubblewrap, if it is installed and may create namespaces here."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = subprocess.run(
        [found, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, check=False, timeout=20
    )
    return Path(found) if trial.returncode == 0 else None


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library
