"""Papers on disk: .tex files, folders, and archives as arXiv hands them out. Nothing is unpacked to disk.

reads   a .tex file            one paper
        a folder               one paper, or one for each of the outermost folders with a .tex file directly inside,
                               where there are several
        .tar.gz, .tgz, .tar    the same
        .gz                    one .tex file
Links, members that lead out of the archive and files larger than the limits below are left out and counted.
"""

import gzip
import io
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from im2latex.errors import InputError

SOURCES = (".tex", ".sty", ".cls", ".ltx", ".def")
MOST_FILE_BYTES = 20_000_000
"""The largest source that is read; a paper's is below 2 MB."""
MOST_PAPER_BYTES = 100_000_000
"""All sources of one paper together."""
MOST_ARCHIVE_BYTES = 2_000_000_000
"""All sources of one archive together: they are held in memory, since a packed archive is read from its front."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A name and the text of every source by its path inside the paper; `left_out` counts what was not read."""

    name: str
    files: dict[str, str]
    left_out: int = 0


@dataclass
class _Members:
    """The sources of a folder or an archive: path to size in bytes and reader."""

    sources: dict[str, tuple[int, Callable[[], bytes]]] = field(default_factory=dict)
    left_out: int = 0

    def add(self, path: str, size: int, read: Callable[[], bytes]) -> None:
        if size > MOST_FILE_BYTES:
            self.left_out += 1
        else:
            self.sources[path] = (size, read)


def read_papers(place: Path) -> Iterator[Paper]:
    """The papers at a place, in the order of their names; raises `InputError` where it cannot be read."""
    if not place.exists():
        raise InputError(f"{place}: no such file or folder")
    if place.is_dir():
        yield from _papers(place.resolve().name, _folder_members(place))
    elif place.suffix in SOURCES:
        yield Paper(place.stem, {place.name: read_source(place)})
    else:
        yield from _archive(place)


def read_source(path: Path) -> str:
    """The text of one source; raises `InputError` where it cannot be read or is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    text = _text(_limited(content, path.name))
    if "\0" in text:
        raise InputError(f"{path}: holds NUL bytes, so it is no text")
    return text


def _archive(place: Path) -> Iterator[Paper]:
    name = place.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar")
    try:
        with place.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if tarfile.is_tarfile(place):
            yield from _papers(name, _tar_members(place))
        elif packed:
            with gzip.open(place) as stream:
                content = _limited(stream.read(MOST_FILE_BYTES + 1), place.name)
            if tarfile.is_tarfile(io.BytesIO(content)):
                raise InputError(f"{place}: is packed twice; unpack it once")
            stem = name.removesuffix(".tex")
            yield Paper(stem, {f"{stem}.tex": _text(content)})
        else:
            raise InputError(f"{place}: neither a .tex file, a folder nor an archive (.tar.gz, .tgz, .tar, .gz)")
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{place}: damaged archive: {error}") from None


def _tar_members(place: Path) -> _Members:
    members = _Members()
    total = 0
    with tarfile.open(place) as archive:
        for member in archive:
            path = posixpath.normpath(member.name)
            if not path.endswith(SOURCES) or member.isdir():
                continue
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is None or path.startswith(("/", "..")):
                members.left_out += 1
                continue
            total += member.size
            if total > MOST_ARCHIVE_BYTES:
                raise InputError(f"{place}: more than {MOST_ARCHIVE_BYTES:,} bytes of source; unpack it to a folder")
            content = stream.read(MOST_FILE_BYTES)
            members.add(path, member.size, partial(bytes, content))
    return members


def _folder_members(place: Path) -> _Members:
    members = _Members()
    root = place.resolve()
    for path in sorted(place.rglob("*")):
        if path.suffix not in SOURCES or path.is_dir():
            continue
        if path.is_file() and path.resolve().is_relative_to(root):
            members.add(path.relative_to(place).as_posix(), path.stat().st_size, path.read_bytes)
        else:
            members.left_out += 1
    return members


def _papers(name: str, members: _Members) -> Iterator[Paper]:
    roots = _roots(members.sources)
    if not roots:
        raise InputError(f"{name}: holds no .tex file")
    top = posixpath.commonpath([posixpath.dirname(path) for path in members.sources])
    whole = [(posixpath.basename(top) or name, top)]
    places = [(posixpath.relpath(root, top or "."), root) for root in roots] if len(roots) > 1 else whole
    left_out = members.left_out
    for paper, folder in places:
        inside = {path: found for path, found in members.sources.items() if _is_below(path, folder)}
        if sum(size for size, _ in inside.values()) > MOST_PAPER_BYTES:
            raise InputError(f"{paper}: more than {MOST_PAPER_BYTES:,} bytes of source in one paper")
        texts = {posixpath.relpath(path, folder or "."): _text(read()) for path, (_, read) in sorted(inside.items())}
        yield Paper(paper, texts, left_out)
        left_out = 0


def _roots(paths: Iterable[str]) -> list[str]:
    """The folders with a .tex file directly inside that lie in no other such folder."""
    holding = {posixpath.dirname(path) for path in paths if path.endswith(".tex")}
    found: list[str] = []
    for folder in sorted(holding, key=lambda folder: folder.split("/") if folder else []):
        if not found or not _is_below(folder, found[-1]):
            found.append(folder)
    return found


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder + "/")


def _limited(content: bytes, name: str) -> bytes:
    if len(content) > MOST_FILE_BYTES:
        raise InputError(f"{name}: more than {MOST_FILE_BYTES:,} bytes of source")
    return content


def _text(content: bytes) -> str:
    """UTF-8, or else Latin-1, which reads any bytes."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
