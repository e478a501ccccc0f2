import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex.cli.image_sources import find_sources, from_clipboard
from im2latex.errors import ImageError, ToolError
from im2latex.images.arrays import encode_png


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images whose pixels all have the level that is their name."""
    monkeypatch.chdir(tmp_path)
    Path("some").mkdir()
    for level in (30, 10, 20):
        Image.new("L", (4, 3), level).save(f"some/{level}.png")
    Path("some/notes.txt").write_text("no image")
    pages = [Image.new("L", (40, 30), level) for level in (50, 60, 70)]
    pages[0].save("pages.pdf", save_all=True, append_images=pages[1:])
    return tmp_path


def levels(*arguments: str, page: int | None = None) -> list[tuple[str, int]]:
    return [(one.name, 10 * round(float(np.median(one.load())) / 10)) for one in find_sources(arguments, page)]


def test_folders_and_patterns_are_sorted() -> None:
    wanted = [("some/10.png", 10), ("some/20.png", 20), ("some/30.png", 30)]
    assert levels("some") == wanted
    assert levels("some/*.png") == wanted
    assert levels("**/2*.png", "some/10.png") == [wanted[1], wanted[0]]


def test_a_file_whose_name_is_also_a_pattern() -> None:
    Image.new("L", (4, 3), 90).save("a[1].png")
    assert levels("a[1].png") == [("a[1].png", 90)]


def test_all_pages_of_a_pdf_or_one() -> None:
    assert levels("pages.pdf") == [("pages.pdf#1", 50), ("pages.pdf#2", 60), ("pages.pdf#3", 70)]
    assert levels("pages.pdf#2") == [("pages.pdf#2", 60)]
    assert levels("pages.pdf", "some/10.png", page=3) == [("pages.pdf#3", 70), ("some/10.png", 10)]


@pytest.mark.parametrize(("name", "count"), [("some/20.png", 1), ("pages.pdf", 3)])
def test_standard_input(name: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(name).read_bytes())))
    assert len(levels("-")) == count


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("none.png", "no_such_file"),
        ("none*.png", "no_such_file"),
        ("none.pdf#2", "no_such_file"),
        ("pages.pdf#9", "no_such_page"),
        ("some/notes.txt", "not_an_image"),
        ("empty", "no_image"),
        ("broken.pdf", "not_an_image"),
    ],
)
def test_what_cannot_be_read_is_one_source_that_says_so(argument: str, reason: str) -> None:
    Path("empty").mkdir()
    Path("broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (source,) = find_sources([argument])
    with pytest.raises(ImageError) as refused:
        source.load()
    assert refused.value.reason == reason


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
