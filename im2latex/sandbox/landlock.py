"""Landlock rulesets: the files that a process may read and write, enforced by the Linux kernel.

A ruleset also denies TCP, abstract sockets and signals, as far as the kernel's Landlock ABI has them. It needs no
privilege and cannot be lifted.

Sources: the kernel's Landlock documentation; linux/landlock.h (rights by ABI version).
"""

import ctypes
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from im2latex.sandbox.libc import checked, libc

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _TRUNCATE, _IOCTL_DEV = 1 << 7, 1 << 8, 1 << 14, 1 << 15
_FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many of the lowest bits a version has
_NET_FROM_ABI, _ALL_NET = 4, 0b11  # bind and connect of TCP
_SCOPES_FROM_ABI, _ALL_SCOPES = 6, 0b11  # abstract UNIX sockets and signals
_READ = _EXECUTE | _READ_FILE | _READ_DIR
# No symbolic links, pipes, sockets or devices: the caller opens what the process leaves behind.
_WRITE = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # alike on all architectures
_VERSION_FLAG, _PATH_BENEATH = 1, 1


def landlock_abi() -> int:
    """The version of Landlock that the kernel has; 0 for none."""
    return max(0, int(libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def create_ruleset(
    read: Sequence[Path], write: Sequence[Path], listed: Sequence[Path], devices: Sequence[Path], abi: int
) -> int:
    """A ruleset as a file descriptor: files and folders to read, to write, to list only, and devices."""
    newest = max(version for version in _FILE_RIGHTS_BY_ABI if version <= abi)
    handled = (1 << _FILE_RIGHTS_BY_ABI[newest]) - 1
    attributes = struct.pack(
        "QQQ", handled, _ALL_NET if abi >= _NET_FROM_ABI else 0, _ALL_SCOPES if abi >= _SCOPES_FROM_ABI else 0
    )
    known = 8 * (1 + (abi >= _NET_FROM_ABI) + (abi >= _SCOPES_FROM_ABI))
    descriptor: int = checked(libc().syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(known), 0))
    try:
        for paths, rights in (
            (read, _READ),
            (write, _WRITE),
            (listed, _READ_DIR),
            (devices, _READ_FILE | _WRITE_FILE),
        ):
            for path in paths:
                _allow(descriptor, path, rights & handled)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def enter_ruleset(ruleset: int) -> None:
    """Restrict the calling process to a ruleset for good; raises `OSError`."""
    checked(libc().syscall(_RESTRICT_SELF, ruleset, 0))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Add a rule for a file or folder; one that does not exist needs none."""
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, parent)
        checked(libc().syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0))
    finally:
        os.close(parent)
