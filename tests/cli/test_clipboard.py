from pathlib import Path

import numpy as np
import pytest

from im2latex.cli.clipboard import from_clipboard
from im2latex.errors import ImageError, ToolError
from im2latex.images.arrays import encode_png

PIXELS = np.arange(60, dtype=np.uint8).reshape(6, 10)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs of which wl-paste is looked for, and a session for it."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def answers(folder: Path, script: str) -> None:
    program = folder / "wl-paste"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_copied_image(programs: Path) -> None:
    (programs / "a.png").write_bytes(encode_png(PIXELS))
    answers(programs, f'test "$WAYLAND_DISPLAY" = wayland-0 && cat {programs}/a.png')
    np.testing.assert_array_equal(from_clipboard(), PIXELS)


@pytest.mark.parametrize(
    ("script", "reason"),
    [("echo Nothing is copied >&2; exit 1", "no_image"), ("echo '%!PS-Adobe-3.0 EPSF-3.0'", "not_an_image")],
)
def test_no_image(programs: Path, script: str, reason: str) -> None:
    answers(programs, script)
    with pytest.raises(ImageError) as refused:
        from_clipboard()
    assert refused.value.reason == reason


def test_no_way_to_the_clipboard(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(programs, "echo cannot connect to the compositor >&2; exit 1")
    with pytest.raises(ToolError, match=r"compositor.*install wl-clipboard or xclip"):
        from_clipboard()
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ToolError, match="install wl-clipboard or xclip"):
        from_clipboard()
