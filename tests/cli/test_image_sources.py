import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex.cli.image_sources import find_sources
from im2latex.errors import ImageError


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
        ("", "no_such_file"),
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
    if reason == "no_such_file":
        assert source.error is not None, "known before it is decoded"
    with pytest.raises(ImageError) as refused:
        source.load()
    assert refused.value.reason == reason
