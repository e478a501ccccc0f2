"""The image that was copied last: wl-paste or xclip on Linux, osascript on macOS."""

import binascii
import os
import shutil
import sys
from pathlib import Path

from im2latex.errors import ImageError, ToolError
from im2latex.images.decode import DecodedImage, decode_image
from im2latex.sandbox import process, scratch

_PNG_OF_MACOS = ["osascript", "-e", "get the clipboard as «class PNGf»"]
_WAYLAND = ["wl-paste", "-t", "image"]
_X11 = ["xclip", "-selection", "clipboard", "-t", "image/png", "-o"]
_NOTHING = (
    b"Nothing is copied",
    b"No selection",
    b"No suitable type",
    b" not available",
    b"cannot convert",
    b"no owner",
)
"""What the programs say where the clipboard is empty or holds something else."""
_SESSION = ("WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DISPLAY", "XAUTHORITY")
_SECONDS = 10
_MOST_MB = 256


def from_clipboard() -> DecodedImage:
    """The pixels of the image on the clipboard.

    Raises `ToolError` where there is no way to the clipboard, `ImageError` no_image where it holds something else.
    """
    command = _PNG_OF_MACOS if sys.platform == "darwin" else _command()
    session = {name: os.environ[name] for name in _SESSION if name in os.environ}
    with scratch.temporary_folder() as folder:
        done = process.run_process(
            command,
            cwd=folder,
            timeout_seconds=_SECONDS,
            memory_mb=4096,
            file_mb=_MOST_MB,
            access=None,
            env={"XAUTHORITY": str(Path.home() / ".Xauthority")} | session,
        )
    if not done.ok and sys.platform != "darwin" and not any(said in done.stderr for said in _NOTHING):
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
        raise _unreachable(f"{command[0]}: {said or 'no answer'}")
    if not done.ok or not done.stdout:
        raise ImageError("no_image", "there is no image on the clipboard; copy one first")
    return decode_image(binascii.unhexlify(done.stdout[11:-3]) if command is _PNG_OF_MACOS else done.stdout)


def _command() -> list[str]:
    """That of the desktop session, or the one that is installed where the session does not say what it is."""
    wayland, x11 = "WAYLAND_DISPLAY" in os.environ, "DISPLAY" in os.environ
    for command, fits in ((_WAYLAND, wayland or not x11), (_X11, x11 or not wayland)):
        if fits and shutil.which(command[0]):
            return command
    raise _unreachable("neither wl-paste nor xclip is installed")


def _unreachable(why: str) -> ToolError:
    return ToolError(
        f"the clipboard cannot be read ({why}); install wl-clipboard or xclip and run in a desktop session, or give "
        "the image as a file"
    )
