"""Image sources of `im2latex predict`: files, folders, patterns, pages of PDFs, standard input.

An argument for several images yields them in the order of their names, a PDF in the order of its pages. What cannot be
read is a source too, with an error: every image has its place in the output.
"""

import glob
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ImageError
from im2latex.images.decode import PDF_MARK, PDF_PAGE, SUFFIXES, read_bytes
from im2latex.images.sandboxed_decoder import count_pages, decode_image, draw_page


@dataclass(frozen=True, slots=True)
class Source:
    """One image to come, by the name that the user gave it; or the error that is known before it is decoded."""

    name: str
    decode: Callable[[], NDArray[np.uint8]] | None = None
    error: ImageError | None = None

    def load(self) -> NDArray[np.uint8]:
        """Pixels (H, W), (H, W, 3) or (H, W, 4); raises `ImageError`."""
        if self.decode is None:
            assert self.error is not None
            raise self.error
        return self.decode()


def find_sources(arguments: Sequence[str], page: int | None = None) -> Iterator[Source]:
    """The images that the arguments name; of each PDF only one page where `page` is given."""
    for argument in arguments:
        named = PDF_PAGE.fullmatch(argument)
        if argument == "-":
            yield from from_bytes("-", sys.stdin.buffer.read(), page)
        elif named and not Path(argument).exists():
            yield from _file(named["file"], int(named["page"]))
        else:
            for name in _expanded(argument):
                yield from _file(name, page)


def _expanded(argument: str) -> list[str]:
    """The files of a folder that look like images, or those that a pattern matches, else the argument itself."""
    path = Path(argument)
    if argument and path.is_dir():
        known = SUFFIXES | {".pdf"}
        inside = [str(one) for one in path.iterdir() if one.suffix.lower() in known and one.is_file()]
        return sorted(inside) or [argument]
    if not path.exists() and glob.has_magic(argument):
        matching = glob.glob(argument, recursive=True)  # noqa: PTH207 a pattern may begin at the root
        return sorted(name for name in matching if Path(name).is_file()) or [argument]
    return [argument]


def _file(name: str, page: int | None) -> Iterator[Source]:
    path = Path(name)
    if name and path.is_dir():
        yield Source(name, error=ImageError("no_image", "there is no image in this folder"))
    elif not name or not path.exists():
        yield Source(name, error=ImageError("no_such_file", "there is no such file"))
    elif not os.access(path, os.R_OK):
        yield Source(name, error=ImageError("unreadable", "the file cannot be read: Permission denied"))
    elif path.suffix.lower() == ".pdf":
        try:
            yield from from_bytes(name, read_bytes(path), page)
        except ImageError as error:
            yield Source(name, error=error)
    else:
        yield Source(name, lambda: decode_image(read_bytes(path)))


def from_bytes(name: str, data: bytes, page: int | None = None) -> Iterator[Source]:
    """The image in the bytes of a file, or the pages of a PDF in them."""
    if not data.startswith(PDF_MARK):
        yield Source(name, partial(decode_image, data))
        return
    try:
        pages = range(1, count_pages(data) + 1) if page is None else [page]
    except ImageError as error:
        yield Source(name, error=error)
        return
    for number in pages:
        yield Source(f"{name}#{number}", partial(draw_page, data, number))
