"""Image sources of `im2latex predict`: files, folders, patterns, pages of PDFs, standard input, the clipboard.

An argument for several images yields them in the order of their names, a PDF in the order of its pages. What cannot be
read is a source too, which raises an error when it is loaded: every image has its place in the output.
"""

import binascii
import glob
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ImageError, ToolError
from im2latex.images.decode import PDF_MARK, PDF_PAGE, SUFFIXES, read_bytes
from im2latex.images.sandboxed_decoder import DecodedImage, count_pages, decode_image, draw_page
from im2latex.sandbox import process, scratch

_PNG_OF_MACOS = ["osascript", "-e", "get the clipboard as «class PNGf»"]
_WAYLAND = ["wl-paste", "-t", "image"]
_X11 = ["xclip", "-selection", "clipboard", "-t", "image/png", "-o"]
_NO_IMAGE_MESSAGES = (
    b"Nothing is copied",
    b"No selection",
    b"No suitable type",
    b" not available",
    b"cannot convert",
    b"no owner",
)
"""Messages of these programs where the clipboard is empty or has no image."""
_SESSION_VARIABLES = ("WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DISPLAY", "XAUTHORITY")
_CLIPBOARD_SECONDS = 10
_MAX_CLIPBOARD_MB = 256


class Load(Protocol):
    """Returns an image, or raises `ImageError`."""

    def __call__(self) -> NDArray[np.uint8]:
        """Pixels (H, W), (H, W, 3) or (H, W, 4)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One image to come, by the name that the user gave it."""

    name: str
    load: Load


def find_sources(arguments: Sequence[str], page: int | None = None) -> Iterator[Source]:
    """The images that the arguments name; of each PDF only one page where `page` is given."""
    for argument in arguments:
        named = PDF_PAGE.fullmatch(argument)
        if argument == "-":
            yield from _bytes("-", sys.stdin.buffer.read(), page)
        elif named and not Path(argument).exists():
            yield from _file(named["file"], int(named["page"]))
        else:
            for name in _expanded(argument):
                yield from _file(name, page)


def _expanded(argument: str) -> list[str]:
    """The files of a folder that look like images, or those that a pattern matches, else the argument itself."""
    path = Path(argument)
    if path.is_dir():
        known = SUFFIXES | {".pdf"}
        inside = [str(one) for one in path.iterdir() if one.suffix.lower() in known and one.is_file()]
        return sorted(inside) or [argument]
    if not path.exists() and glob.has_magic(argument):
        matching = glob.glob(argument, recursive=True)  # noqa: PTH207 a pattern may begin at the root
        return sorted(name for name in matching if Path(name).is_file()) or [argument]
    return [argument]


def _file(name: str, page: int | None) -> Iterator[Source]:
    path = Path(name)
    if path.is_dir():
        yield Source(name, partial(_refuse, "no_image", "there is no image in this folder"))
    elif not path.exists():
        yield Source(name, partial(_refuse, "no_such_file", "there is no such file"))
    elif path.suffix.lower() == ".pdf":
        try:
            yield from _bytes(name, read_bytes(path), page)
        except ImageError as error:
            yield Source(name, partial(_refuse, error.reason, error.detail))
    else:
        yield Source(name, lambda: decode_image(read_bytes(path)))


def _bytes(name: str, data: bytes, page: int | None) -> Iterator[Source]:
    if not data.startswith(PDF_MARK):
        yield Source(name, partial(decode_image, data))
        return
    try:
        pages = range(1, count_pages(data) + 1) if page is None else [page]
    except ImageError as error:
        yield Source(name, partial(_refuse, error.reason, error.detail))
        return
    for number in pages:
        yield Source(f"{name}#{number}", partial(draw_page, data, number))


def _refuse(reason: str, detail: str) -> NDArray[np.uint8]:
    raise ImageError(reason, detail)


def from_clipboard() -> DecodedImage:
    """The pixels of the image on the clipboard, by wl-paste or xclip on Linux, by osascript on macOS.

    Raises `ToolError` where the clipboard cannot be read, `ImageError` no_image where it has no image.
    """
    command = _PNG_OF_MACOS if sys.platform == "darwin" else _clipboard_command()
    session = {name: os.environ[name] for name in _SESSION_VARIABLES if name in os.environ}
    with scratch.temporary_folder() as folder:
        done = process.run_process(
            command,
            cwd=folder,
            timeout_seconds=_CLIPBOARD_SECONDS,
            memory_mb=4096,
            file_mb=_MAX_CLIPBOARD_MB,
            access=None,
            env={"XAUTHORITY": str(Path.home() / ".Xauthority")} | session,
        )
    if not done.ok and sys.platform != "darwin" and not any(said in done.stderr for said in _NO_IMAGE_MESSAGES):
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
        raise _clipboard_error(f"{command[0]}: {said or 'no answer'}")
    if not done.ok or not done.stdout:
        raise ImageError("no_image", "there is no image on the clipboard; copy one first")
    return decode_image(binascii.unhexlify(done.stdout[11:-3]) if command is _PNG_OF_MACOS else done.stdout)


def _clipboard_command() -> list[str]:
    """The program for the display server of the session; for an unknown one, the first that is installed."""
    wayland, x11 = "WAYLAND_DISPLAY" in os.environ, "DISPLAY" in os.environ
    for command, fits in ((_WAYLAND, wayland or not x11), (_X11, x11 or not wayland)):
        if fits and shutil.which(command[0]):
            return command
    raise _clipboard_error("neither wl-paste nor xclip is installed")


def _clipboard_error(why: str) -> ToolError:
    return ToolError(
        f"the clipboard cannot be read ({why}); install wl-clipboard or xclip and run in a desktop session, or give "
        "the image as a file"
    )
