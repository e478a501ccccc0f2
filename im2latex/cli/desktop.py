"""Clipboard and screenshots, by the programs of the desktop.

                         Wayland                            X11                                       macOS
read the clipboard       wl-paste                           xclip                                     osascript
write the clipboard      wl-copy                            xclip, xsel                               pbcopy
screenshot of an area    slurp with grim, gnome-screenshot, maim, scrot, gnome-screenshot, spectacle, screencapture
                         spectacle                          import of ImageMagick
"""

import binascii
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from im2latex.errors import ImageError, ToolError
from im2latex.images.decode import read_bytes
from im2latex.sandbox import process, scratch


@dataclass(frozen=True)
class _Task:
    """Commands by display server, in the order in which they are looked for, and the message where none works."""

    commands: Mapping[str, Sequence[tuple[str, ...]]]
    message: str

    def error(self, why: str) -> ToolError:
        """The error for a reason."""
        return ToolError(self.message.format(why))


_FILE = "area.png"
_PNG_MARK = b"\x89PNG"
_PNG_OF_MACOS = ("osascript", "-e", "get the clipboard as «class PNGf»")
_GNOME, _KDE = ("gnome-screenshot", "-a", "-f", _FILE), ("spectacle", "-b", "-n", "-r", "-o", _FILE)
_READ = _Task(
    {
        "wayland": [("wl-paste", "-t", "image")],
        "x11": [("xclip", "-selection", "clipboard", "-t", "image/png", "-o")],
        "macos": [_PNG_OF_MACOS],
    },
    "the clipboard cannot be read ({}); install wl-clipboard or xclip and run in a desktop session, or name the image "
    "as a file",
)
_WRITE = _Task(
    {
        "wayland": [("wl-copy",)],
        "x11": [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")],
        "macos": [("pbcopy",)],
    },
    "nothing can be copied to the clipboard ({}); install wl-clipboard, xclip or xsel and run in a desktop session",
)
_SCREENSHOT = _Task(
    {
        "wayland": [("slurp",), _GNOME, _KDE],
        "x11": [("maim", "-s", _FILE), ("scrot", "-s", _FILE), _GNOME, _KDE, ("import", _FILE)],
        "macos": [("screencapture", "-i", _FILE)],
    },
    "no screenshot can be taken ({}); install grim and slurp (Wayland) or maim (X11) and run in a desktop session, or "
    "name the image as a file",
)
_NO_IMAGE_MESSAGES = (
    b"Nothing is copied",
    b"No selection",
    b"No suitable type",
    b" not available",
    b"cannot convert",
    b"no owner",
)
"""Messages of the programs that read, where the clipboard is empty or has no image."""
_SESSION_VARIABLES = (
    "WAYLAND_DISPLAY",
    "DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_CURRENT_DESKTOP",
    "DBUS_SESSION_BUS_ADDRESS",
)
_CLIPBOARD_SECONDS = 10
_SELECTION_SECONDS = 300
_WATCH_SECONDS = 0.7
_CPU_SECONDS = 600
_MEMORY_MB = 16_384
_MAX_IMAGE_MB = 256


def read_clipboard() -> bytes:
    """The image on the clipboard, as the bytes of a file.

    Raises `ToolError` where the clipboard cannot be read, `ImageError` no_image where it has no image.
    """
    command = _find(_READ)
    is_macos = command == _PNG_OF_MACOS
    with scratch.temporary_folder() as folder:
        done = _run(command, folder, _CLIPBOARD_SECONDS)
    if not done.ok and not is_macos and not any(message in done.stderr for message in _NO_IMAGE_MESSAGES):
        raise _READ.error(_failure(command, done))
    # Some owners of X11's clipboard return a text, whatever type is asked for.
    has_image = done.stdout.startswith(_PNG_MARK) if command[0] == "xclip" else bool(done.stdout)
    if not done.ok or not has_image:
        raise ImageError("no_image", "there is no image on the clipboard; copy one first")
    return binascii.unhexlify(done.stdout[11:-3]) if is_macos else done.stdout


def watch_clipboard() -> Iterator[bytes]:
    """Each image that is copied, beginning with that on the clipboard now; never ends."""
    last = b""
    while True:
        try:
            image = read_clipboard()
        except ImageError:
            image = b""
        if image and image != last:
            yield image
        last = image or last
        time.sleep(_WATCH_SECONDS)


def check_clipboard_reader() -> None:
    """Raise `ToolError` where no program can read the clipboard."""
    _find(_READ)


def check_clipboard_writer() -> None:
    """Raise `ToolError` where no program can write the clipboard."""
    _find(_WRITE)


def write_clipboard(text: str) -> None:
    """Put a text on the clipboard; raises `ToolError` where that is impossible."""
    command = _find(_WRITE)
    if sys.platform != "darwin" and shutil.which("setsid"):
        # On X11 a process in the background owns the text. A session of its own lets it outlive the command.
        command = ("setsid", "--wait", *command)
    with scratch.temporary_folder() as folder:
        done = _run(command, folder, _CLIPBOARD_SECONDS, text.encode())
    if not done.ok:
        raise _WRITE.error(_failure(command, done))


def take_screenshot() -> bytes:
    """The area of the screen that the user selects, as the bytes of a file.

    Raises `ToolError` where no program can do that, `ImageError` no_image where no area was selected.
    """
    command = _find(_SCREENSHOT)
    with scratch.temporary_folder() as folder:
        done = _run(command, folder, _SELECTION_SECONDS)
        if command == ("slurp",) and done.ok:
            command = ("grim", "-g", done.stdout.decode().strip(), _FILE)
            done = _run(command, folder, _CLIPBOARD_SECONDS)
        if done.ok and (folder / _FILE).is_file():
            return read_bytes(folder / _FILE)
    if any(word in done.stderr.lower() for word in (b"display", b"compositor")):
        raise _SCREENSHOT.error(_failure(command, done))
    raise ImageError("no_image", "no area of the screen was selected")


def _find(task: _Task) -> tuple[str, ...]:
    """The first command for the display servers of the session whose program is installed.

    Under Wayland the programs of X11 read and write the clipboard too, but a screenshot of theirs is black.
    """
    servers = [
        name for name, variable in (("wayland", "WAYLAND_DISPLAY"), ("x11", "DISPLAY")) if variable in os.environ
    ]
    if sys.platform == "darwin":
        servers = ["macos"]
    elif not servers:
        raise task.error("there is no desktop session: neither WAYLAND_DISPLAY nor DISPLAY is set")
    elif task is _SCREENSHOT:
        del servers[1:]
    commands = [command for server in servers for command in task.commands[server]]
    for command in commands:
        if shutil.which(command[0]) and (command[0] != "slurp" or shutil.which("grim")):
            return command
    raise task.error(f"not installed: {', '.join(command[0] for command in commands)}")


def _run(command: Sequence[str], folder: Path, seconds: float, stdin: bytes = b"") -> process.CompletedProcess:
    """Run a program of the desktop in the session of the user."""
    session = {name: os.environ[name] for name in _SESSION_VARIABLES if name in os.environ}
    child = process.ChildProcess(
        command,
        cwd=folder,
        cpu_seconds=_CPU_SECONDS,
        memory_mb=_MEMORY_MB,
        file_mb=_MAX_IMAGE_MB,
        access=None,
        env={"XAUTHORITY": str(Path.home() / ".Xauthority"), "TMPDIR": tempfile.gettempdir()} | session,
    )
    child.write_input(stdin)
    return child.wait(seconds)


def _failure(command: Sequence[str], done: process.CompletedProcess) -> str:
    message = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
    return f"{command[0]}: {message or 'no answer'}"
