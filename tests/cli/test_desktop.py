"""Clipboard and screenshots, with programs that stand for those of a desktop."""

import itertools
import time
from pathlib import Path

import numpy as np
import pytest

from im2latex.cli import desktop
from im2latex.errors import ImageError, ToolError
from im2latex.images.arrays import encode_png
from im2latex.images.sandboxed_decoder import decode_image

PIXELS = np.arange(60, dtype=np.uint8).reshape(6, 10)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found first, an image in it, and a Wayland session."""
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    return tmp_path


def install(folder: Path, program: str, script: str) -> None:
    (folder / program).write_text(f"#!/bin/sh\n{script}\n")
    (folder / program).chmod(0o755)


def use_x11(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setenv("DISPLAY", ":0")


def test_a_copied_image(folder: Path) -> None:
    install(folder, "wl-paste", f'test "$WAYLAND_DISPLAY" = wayland-0 && cat {folder}/a.png')
    np.testing.assert_array_equal(decode_image(desktop.read_clipboard()), PIXELS)


def test_a_copied_image_on_x11(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_x11(monkeypatch)
    install(folder, "xclip", f'test "$DISPLAY$*" = ":0-selection clipboard -t image/png -o" && cat {folder}/a.png')
    assert desktop.read_clipboard() == (folder / "a.png").read_bytes()
    install(folder, "xclip", "echo a text, though an image was asked for")
    with pytest.raises(ImageError) as refused:
        desktop.read_clipboard()
    assert refused.value.reason == "no_image"


def test_a_clipboard_without_an_image(folder: Path) -> None:
    install(folder, "wl-paste", "echo Nothing is copied >&2; exit 1")
    with pytest.raises(ImageError) as refused:
        desktop.read_clipboard()
    assert refused.value.reason == "no_image"


def test_no_way_to_the_clipboard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, "wl-paste", "echo cannot connect to the compositor >&2; exit 1")
    with pytest.raises(ToolError, match=r"compositor.*install wl-clipboard or xclip"):
        desktop.read_clipboard()
    monkeypatch.setattr("shutil.which", lambda _: None)
    for call in (desktop.read_clipboard, desktop.check_clipboard_reader, desktop.check_clipboard_writer):
        with pytest.raises(ToolError, match=r"not installed: wl-.*install wl-clipboard"):
            call()


def test_without_a_desktop_session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY")
    for call in (desktop.read_clipboard, desktop.check_clipboard_writer, desktop.take_screenshot):
        with pytest.raises(ToolError, match="there is no desktop session"):
            call()


def test_every_new_image_on_the_clipboard_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desktop, "_WATCH_SECONDS", 0)
    count = f"echo x >> {folder}/n; n=$(wc -l < {folder}/n)"
    nothing = "echo Nothing is copied >&2; exit 1"
    install(folder, "wl-paste", f"{count}; case $n in 1|4) {nothing};; 2|3|5) echo first;; *) echo second;; esac")
    assert [*itertools.islice(desktop.watch_clipboard(), 2)] == [b"first\n", b"second\n"]
    assert (folder / "n").read_text().count("x") == 6


def test_copy(folder: Path) -> None:
    install(folder, "wl-copy", f"cat > {folder}/copied")
    desktop.write_clipboard("x^2")
    assert (folder / "copied").read_text() == "x^2"
    install(folder, "wl-copy", "echo no seat >&2; exit 1")
    with pytest.raises(ToolError, match=r"no seat.*xsel"):
        desktop.write_clipboard("x^2")


def test_the_owner_of_a_copied_text_outlives_the_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_x11(monkeypatch)
    install(folder, "xclip", f"cat > /dev/null; (sleep 0.3; echo x^2 > {folder}/pasted) & exit 0")
    desktop.write_clipboard("x^2")
    deadline = time.monotonic() + 20
    while not (folder / "pasted").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (folder / "pasted").exists()


def test_a_screenshot_under_wayland(folder: Path) -> None:
    install(folder, "slurp", "echo 10,20 30x40")
    install(folder, "grim", f'test "$2" = "10,20 30x40" && cp {folder}/a.png "$3"')
    assert desktop.take_screenshot() == (folder / "a.png").read_bytes()


def test_a_screenshot_under_x11(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_x11(monkeypatch)
    install(folder, "maim", f'cp {folder}/a.png "$2"')
    assert desktop.take_screenshot() == (folder / "a.png").read_bytes()
    install(folder, "maim", "echo Selection was cancelled by keystroke or right-click. >&2; exit 1")
    with pytest.raises(ImageError, match="no area") as refused:
        desktop.take_screenshot()
    assert refused.value.reason == "no_image"
    install(folder, "maim", "echo Cannot open display :0 >&2; exit 1")
    with pytest.raises(ToolError, match="display :0"):
        desktop.take_screenshot()


def test_no_program_for_screenshots(folder: Path) -> None:
    install(folder, "slurp", "echo 10,20 30x40")  # without grim
    with pytest.raises(ToolError, match=r"not installed: slurp, .*install grim and slurp"):
        desktop.take_screenshot()
