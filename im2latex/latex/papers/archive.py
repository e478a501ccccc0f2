"""Papers on disk: .tex files, folders, and archives as arXiv hands them out. Nothing is unpacked to disk.

reads   a .tex file            one paper
        a folder               one paper, or a folder of papers where no .tex file lies at its top
        .tar.gz, .tgz, .tar    one paper, or a folder of papers in the same sense
        .gz                    one .tex file, or a tar
Links and members that lead out of the archive are left out, and so is what is larger than the limits below.
"""

import gzip
import io
import posixpath
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from im2latex.errors import InputError

SOURCES = (".tex", ".sty", ".cls", ".ltx", ".def")
MOST_FILE_BYTES = 20_000_000
"""The largest source that is read; a paper's is below 2 MB."""
MOST_PAPER_BYTES = 100_000_000
"""All sources of one paper together."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A name and the text of every source by its path inside the paper."""

    name: str
    files: dict[str, str]


def read_papers(place: Path) -> Iterator[Paper]:
    """The papers at a place, in the order of their names; raises `InputError` where it cannot be read."""
    if not place.exists():
        raise InputError(f"{place}: no such file or folder")
    if place.is_dir():
        yield from _papers(place.resolve().name, _folder_members(place))
    elif place.suffix in SOURCES:
        yield Paper(place.stem, {place.name: _text(_limited(place.read_bytes(), place.name))})
    else:
        yield from _archive(place)


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
            yield Paper(name.removesuffix(".tex"), {name.removesuffix(".tex") + ".tex": _text(content)})
        else:
            raise InputError(f"{place}: neither a .tex file, a folder nor an archive (.tar.gz, .tgz, .tar, .gz)")
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{place}: damaged archive: {error}") from None


def _tar_members(place: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(place) as archive:
        for member in archive:
            path = posixpath.normpath(member.name)
            if not member.isfile() or not path.endswith(SOURCES) or path.startswith(("/", "..")):
                continue
            stream = archive.extractfile(member)
            if stream is not None and member.size <= MOST_FILE_BYTES:
                yield path, stream.read(MOST_FILE_BYTES)


def _folder_members(place: Path) -> Iterator[tuple[str, bytes]]:
    root = place.resolve()
    for path in sorted(place.rglob("*")):
        inside = path.is_file() and path.resolve().is_relative_to(root)
        if inside and path.suffix in SOURCES and path.stat().st_size <= MOST_FILE_BYTES:
            yield path.relative_to(place).as_posix(), path.read_bytes()


def _papers(name: str, members: Iterable[tuple[str, bytes]]) -> Iterator[Paper]:
    """One paper, or one for each folder where only folders stand at the top, however deep."""
    files = dict(members)
    if sum(map(len, files.values())) > MOST_PAPER_BYTES and _is_flat(files):
        raise InputError(f"{name}: more than {MOST_PAPER_BYTES:,} bytes of source in one paper")
    if not files:
        raise InputError(f"{name}: holds no .tex file")
    if _is_flat(files):
        yield Paper(name, {path: _text(content) for path, content in sorted(files.items())})
        return
    folders: dict[str, list[tuple[str, bytes]]] = {}
    for path, content in sorted(files.items()):
        folder, _, rest = path.partition("/")
        folders.setdefault(folder, []).append((rest, content))
    for folder, inner in sorted(folders.items()):
        yield from _papers(folder, inner)


def _is_flat(files: Iterable[str]) -> bool:
    return any("/" not in path and path.endswith(".tex") for path in files)


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
