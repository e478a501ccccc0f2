"""Streaming gzip reader with a limit on the decompressed size.

Deflate packs equal bytes to a thousandth, so a small file may unpack to more than a machine holds. Text and images
pack to a tenth at best: a file that unpacks to much more than that is refused while it is read.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from im2latex.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP_MAGIC = b"\x1f\x8b"
MAX_RATIO = 250
"""Unpacked bytes for each packed one, once more than `UNLIMITED_BYTES` were unpacked."""
UNLIMITED_BYTES = 4_000_000
MAX_BYTES = 8_000_000_000
"""Unpacked bytes of one file."""
UNPACK_ERRORS = (OSError, EOFError, zlib.error)
"""What reading a damaged gzip file raises."""

_BUFFER_BYTES = 1 << 17


class _Bounded(io.RawIOBase):
    """Unpacked gzip stream; raises `InputError` beyond a size limit."""

    def __init__(self, packed: BinaryIO, name: str) -> None:
        self._packed, self._name = packed, name
        self._stream = gzip.GzipFile(fileobj=packed)
        self._unpacked = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as one read goes; returns the number of bytes, 0 at the end."""
        count = self._stream.readinto(buffer)
        self._unpacked += count
        most = min(MAX_BYTES, max(UNLIMITED_BYTES, MAX_RATIO * self._packed.tell()))
        if self._unpacked > most:
            raise InputError(
                f"{self._name}: unpacks to more than {most:,} bytes, far more than it has; if it is right, unpack it"
            )
        return count


@contextmanager
def open_gzip(path: Path) -> Iterator[io.BufferedReader]:
    """The unpacked bytes of a gzip file; reading raises `InputError` where they are too many, else `UNPACK_ERRORS`."""
    with path.open("rb") as packed:
        yield io.BufferedReader(_Bounded(packed, str(path)), _BUFFER_BYTES)


def is_gzip(path: Path) -> bool:
    """Whether a file begins as a gzip file does."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC
