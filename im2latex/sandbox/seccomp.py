"""Seccomp filter: a BPF program by which the Linux kernel refuses system calls of a process.

It needs no privilege and cannot be lifted.

Sources: linux/seccomp.h and linux/filter.h; system call numbers of x86-64 and of the generic table that arm64 uses.
"""

import ctypes
import platform
import struct
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from im2latex.sandbox.libc import checked, libc

_PR_SET_SECCOMP, _PR_GET_SECCOMP, _MODE_FILTER = 22, 21, 2
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
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column in the tables above, AUDIT_ARCH value."""


def seccomp_supported() -> bool:
    """Whether the kernel has seccomp filters."""
    return bool(libc().prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)


@cache
def filter_program() -> bytes:
    """The seccomp filter: a BPF program that refuses the system calls of `_DENIED` with EPERM."""
    column, architecture = ARCHITECTURES[platform.machine()]
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
    targets = {"allow": len(rows), "refuse": len(rows) + 1}
    code = b""
    for index, (operation, value, if_true, if_false) in enumerate(rows):
        jumps = [0 if target is None else targets[target] - index - 1 for target in (if_true, if_false)]
        code += struct.pack("HBBI", operation, *jumps, value)
    return code + struct.pack("HBBI", _RETURN, 0, 0, _ALLOW) + struct.pack("HBBI", _RETURN, 0, 0, _EPERM)


class SeccompFilter:
    """The filter in memory, as `struct sock_fprog` points to it."""

    def __init__(self) -> None:
        program = filter_program()
        self._code = ctypes.create_string_buffer(program, len(program))
        self._header = ctypes.create_string_buffer(
            struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(self._code))
        )
        self._address = ctypes.c_void_p(ctypes.addressof(self._header))

    def enter(self) -> None:
        """Install the filter in the calling process for good; raises `OSError`."""
        checked(libc().prctl(_PR_SET_SECCOMP, _MODE_FILTER, self._address, 0, 0))
