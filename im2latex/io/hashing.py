"""SHA-256 checksums of files, in a list or at the end of the file itself.

reads, writes  SHA256SUMS, <file>.sha256   a line `SHA-256  name` for each file, as `sha256sum` writes and checks them
               <file>                      whose last 32 bytes are the SHA-256 of all before them
"""

import hashlib
from pathlib import Path

from im2latex.errors import InputError

DIGEST_BYTES = hashlib.sha256().digest_size
_CHUNK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_sums(path: Path) -> dict[str, str]:
    """File names and their SHA-256; none where there is no list. Raises `InputError` where a line is not one."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    rows = [line.split(maxsplit=1) for line in lines if line.strip()]
    if any(len(row) != 2 or len(row[0]) != 2 * DIGEST_BYTES for row in rows):
        raise InputError(f"{path}: a line is `SHA-256  file`; correct or remove the file")
    return {file.removeprefix("*"): digest for digest, file in rows}


def sum_line(path: Path, name: str | None = None) -> str:
    """The line of a list for one file, under its own name or another."""
    return f"{sha256_of(path)}  {name or path.name}\n"


def append_checksum(path: Path) -> None:
    """Add the SHA-256 of a file to its end. Formats that are read from their end backwards, such as ZIP, allow it."""
    digest = bytes.fromhex(sha256_of(path))
    with path.open("ab") as stream:
        stream.write(digest)


def has_valid_checksum(path: Path) -> bool:
    """Whether the last bytes of a file are the SHA-256 of all before them."""
    left = path.stat().st_size - DIGEST_BYTES
    if left < 0:
        return False
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while left > 0 and (chunk := stream.read(min(left, _CHUNK_BYTES))):
            found.update(chunk)
            left -= len(chunk)
        return stream.read() == found.digest()
