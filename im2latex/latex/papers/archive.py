"""Reader of paper sources: .tex files, folders, and arXiv archives, which are not unpacked to disk.

reads   a .tex file            one paper
        a folder               one paper; or one for each of the outermost folders that contain a .tex file, where
                               there are several
        .tar.gz, .tgz, .tar    the same
        .gz                    one .tex file

Links, sparse members, members with a path outside of the archive, binary files and files above the limits below are
skipped and counted. An archive above the limits is an error.
"""

import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from im2latex.errors import InputError
from im2latex.io.gzip_stream import GZIP_MAGIC, UNPACK_ERRORS, is_gzip, open_gzip

SOURCES = (".tex", ".sty", ".cls", ".ltx", ".def")
MAX_FILE_BYTES = 20_000_000
"""Largest source file that is read; a paper's is below 2 MB."""
MAX_PAPER_BYTES = 100_000_000
"""Largest total size of the sources of one paper."""
MAX_ARCHIVE_BYTES = 1_000_000_000
"""Largest total size of the sources of one archive, which are held in memory: a compressed archive is a stream."""
MAX_MEMBERS = 200_000
"""Largest number of members of one archive; tarfile needs 10 s to read so many headers."""
MAX_PATH_CHARACTERS = 4096
MAX_HEADER_BYTES = 1_000_000
"""Largest extended header, which tarfile loads into memory; a valid one holds a path and a few numbers."""


@dataclass(frozen=True, slots=True)
class Paper:
    """Name of a paper and the text of each source by its path inside the paper; `left_out` counts skipped files."""

    name: str
    files: dict[str, str]
    left_out: int = 0


@dataclass
class _Members:
    """Sources of a folder or an archive: path to size in bytes and reader, which returns None on failure."""

    sources: dict[str, tuple[int, Callable[[], bytes | None]]] = field(default_factory=dict)
    left_out: int = 0

    def add(self, path: str, size: int, read: Callable[[], bytes | None]) -> None:
        if size > MAX_FILE_BYTES:
            self.left_out += 1
        else:
            self.sources[path] = (size, read)


def read_papers(place: Path) -> Iterator[Paper]:
    """Yield the papers at a path, sorted by name; raises `InputError` where it cannot be read."""
    if not place.exists():
        raise InputError(f"{place}: no such file or folder")
    if place.is_dir():
        yield from _papers(place.resolve().name, _folder_members(place))
    elif place.suffix in SOURCES:
        yield Paper(place.stem, {place.name: read_source(place)})
    else:
        yield from _archive(place)


def read_source(path: Path) -> str:
    """Read the text of one source; raises `InputError` where it cannot be read or is binary."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return _source(_limited(content, path.name), path)


def _archive(place: Path) -> Iterator[Paper]:
    name = place.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar")
    try:
        packed = is_gzip(place)
        with open_gzip(place) if packed else place.open("rb") as stream:
            if _is_tar(stream.peek(tarfile.BLOCKSIZE)[: tarfile.BLOCKSIZE]):
                members = _tar_members(stream, place)
            elif packed:
                yield _packed_source(stream, name.removesuffix(".tex"), place)
                return
            else:
                raise InputError(f"{place}: neither a .tex file, a folder nor an archive (.tar.gz, .tgz, .tar, .gz)")
    except _ARCHIVE_ERRORS as error:
        raise InputError(f"{place}: damaged archive: {error or type(error).__name__}") from None
    yield from _papers(name, members)


_ARCHIVE_ERRORS = (*UNPACK_ERRORS, tarfile.TarError, ValueError, LookupError, OverflowError, RecursionError)
"""Exceptions on damaged archives; tarfile does not validate all numbers and the order of headers."""


def _packed_source(stream: IO[bytes], stem: str, place: Path) -> Paper:
    """Read a compressed file that is no archive, as a paper of one source."""
    content = _limited(stream.read(MAX_FILE_BYTES + 1), place.name)
    if content.startswith(GZIP_MAGIC):
        raise InputError(f"{place}: is compressed twice; decompress it once")
    return Paper(stem, {f"{stem}.tex": _source(content, place)})


class _Header(tarfile.TarInfo):
    """Archive member with a limited extended header."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        member = super().frombuf(buf, encoding, errors)
        if member.size > MAX_HEADER_BYTES and member.type in _EXTENDED:
            raise tarfile.ReadError(f"an extended header of {member.size:,} bytes")
        return member


_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def _is_tar(block: bytes) -> bool:
    """Whether a file begins like a tar archive, possibly an empty one."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return len(block) == tarfile.BLOCKSIZE and not any(block)
    return True


def _tar_members(stream: IO[bytes], place: Path) -> _Members:
    """Read the sources of an archive in one pass."""
    members = _Members()
    total = count = 0
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined] # tarfile would store all of them
            count += 1
            if count > MAX_MEMBERS:
                raise InputError(f"{place}: more than {MAX_MEMBERS:,} members; unpack it to a folder")
            path = posixpath.normpath(member.name)
            if not path.endswith(SOURCES) or member.isdir():
                continue
            leads_out = path.startswith(("/", "..")) or len(path) > MAX_PATH_CHARACTERS
            content = archive.extractfile(member) if member.isreg() and not member.issparse() else None
            if content is None or leads_out or member.size > MAX_FILE_BYTES:
                members.left_out += 1
                continue
            total += member.size
            if total > MAX_ARCHIVE_BYTES:
                raise InputError(f"{place}: more than {MAX_ARCHIVE_BYTES:,} bytes of source; unpack it to a folder")
            members.add(path, member.size, partial(bytes, content.read()))
    return members


def _folder_members(place: Path) -> _Members:
    members = _Members()
    root = place.resolve()
    for path in sorted(place.rglob("*")):
        if path.suffix not in SOURCES or path.is_dir():
            continue
        if path.is_file() and path.resolve().is_relative_to(root):
            members.add(path.relative_to(place).as_posix(), path.stat().st_size, partial(_bytes_of, path))
        else:
            members.left_out += 1
    return members


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _papers(name: str, members: _Members) -> Iterator[Paper]:
    roots = _roots(members.sources)
    if not roots:
        raise InputError(f"{name}: contains no .tex file")
    top = posixpath.commonpath([posixpath.dirname(path) for path in members.sources])
    whole = [(posixpath.basename(top) or name, top)]
    places = [(posixpath.relpath(root, top or "."), root) for root in roots] if len(roots) > 1 else whole
    left_out = members.left_out
    for paper, folder in places:
        inside = {path: found for path, found in members.sources.items() if _is_below(path, folder)}
        if sum(size for size, _ in inside.values()) > MAX_PAPER_BYTES:
            raise InputError(f"{paper}: more than {MAX_PAPER_BYTES:,} bytes of source in one paper")
        texts = {}
        for path, (_, read) in sorted(inside.items()):
            content = read()
            if content is None or b"\0" in content:
                left_out += 1
            else:
                texts[posixpath.relpath(path, folder or ".")] = _text(content)
        yield Paper(paper, texts, left_out)
        left_out = 0


def _roots(paths: Iterable[str]) -> list[str]:
    """List the outermost folders that contain a .tex file."""
    holding = {posixpath.dirname(path) for path in paths if path.endswith(".tex")}
    found: list[str] = []
    for folder in sorted(holding, key=lambda folder: folder.split("/") if folder else []):
        if not found or not _is_below(folder, found[-1]):
            found.append(folder)
    return found


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder + "/")


def _limited(content: bytes, name: str) -> bytes:
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{name}: more than {MAX_FILE_BYTES:,} bytes of source")
    return content


def _source(content: bytes, place: Path) -> str:
    if b"\0" in content:
        raise InputError(f"{place}: contains NUL bytes, so it is not text")
    return _text(content)


def _text(content: bytes) -> str:
    r"""Decode as UTF-8, or else as Latin-1, which decodes any bytes; converts line ends to \n."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
