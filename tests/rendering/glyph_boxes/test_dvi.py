"""Pages of DVI: by hand, and as DVItype, Knuth's own reader, reads what TeX wrote."""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from im2latex.errors import ToolError
from im2latex.rendering.glyph_boxes import dvi
from im2latex.rendering.glyph_boxes.dvi import FIX, CharacterBox, ExtensibleRecipe, FontMetrics, Mark

FONT = FontMetrics({65: CharacterBox(FIX, FIX // 2, FIX // 4), 200: CharacterBox(FIX // 2, 0, 0)})
SIZE = 1000
PREAMBLE = bytes([247, 2]) + bytes(12) + bytes([3]) + b"abc"
DEFINITION = bytes([243, 7]) + bytes(4) + SIZE.to_bytes(4) + bytes(4) + bytes([0, 2]) + b"cm"
BEGIN, END, POST = bytes([139]) + bytes(44), bytes([140]), bytes([248])


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, signed=True)


def page(*operations: bytes) -> list[Mark] | None:
    data = PREAMBLE + BEGIN + DEFINITION + bytes([171 + 7]) + b"".join(operations) + END + POST
    (marks,) = dvi.pages(data, {"cm": FONT}.__getitem__, max_marks=9)
    return marks


def letter(x: int, y: int, code: int = 65) -> Mark:
    width, height, depth = (fix * SIZE // FIX for fix in FONT.boxes[code])
    return Mark("cm", code, x, y, width, height, depth)


@pytest.mark.parametrize(
    ("operations", "marks"),
    [
        ([bytes([65, 65])], [letter(0, 0), letter(1000, 0)]),
        ([bytes([128, 200, 65])], [letter(0, 0, 200), letter(500, 0)]),
        ([bytes([133, 65, 65])], [letter(0, 0), letter(0, 0)]),
        ([bytes([144]) + number(-300, 2), bytes([65])], [letter(-300, 0)]),
        ([bytes([141, 65, 142, 65])], [letter(0, 0), letter(0, 0)]),
        ([bytes([148]) + number(7, 1), bytes([147, 65])], [letter(14, 0)]),
        ([bytes([155]) + number(70, 3), bytes([152, 65])], [letter(140, 0)]),
        ([bytes([160]) + number(-9, 4), bytes([65])], [letter(0, -9)]),
        ([bytes([162]) + number(8, 1), bytes([161, 65])], [letter(0, 16)]),
        ([bytes([167]) + number(-8, 1), bytes([166, 65])], [letter(0, -16)]),
        ([bytes([137]) + number(4, 4) + number(90, 4), bytes([65])], [Mark("", 0, 0, 0, 90, 4, 0), letter(0, 0)]),
        ([bytes([132]) + number(4, 4) + number(90, 4), bytes([65])], [Mark("", 0, 0, 0, 90, 4, 0), letter(90, 0)]),
        ([bytes([132]) + number(-1, 4) + number(90, 4), bytes([65])], [letter(90, 0)]),
        ([bytes([239, 3]) + b"A\x8cA", bytes([138, 65])], [letter(0, 0)]),
        ([bytes([235, 7, 65])], [letter(0, 0)]),
    ],
)
def test_each_operation(operations: list[bytes], marks: list[Mark]) -> None:
    assert page(*operations) == marks


def test_a_page_with_too_much_is_none_and_ends_where_it_ends() -> None:
    assert page(bytes([65] * 9)) is not None
    assert page(bytes([65] * 5000)) is None


@pytest.mark.parametrize(
    "data", [b"", PREAMBLE, PREAMBLE + BEGIN + bytes([65]), PREAMBLE + BEGIN + bytes([171, 65]), b"%PDF"]
)
def test_a_broken_file_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="incomplete DVI file"):
        list(dvi.pages(data, {"cm": FONT}.__getitem__, max_marks=9))


def test_selected_pages_are_the_same_in_a_file_of_their_own() -> None:
    load = {"cm": FONT}.__getitem__
    bodies = [DEFINITION + bytes([178, 65]), bytes([178, 128, 200]), bytes([178, 65, 65])]
    data = PREAMBLE + b"".join(BEGIN + body + END for body in bodies) + POST
    every = list(dvi.pages(data, load, max_marks=9))
    for numbers in ([1], [2], [2, 3], [1, 2, 3], [3, 1]):
        selected = dvi.select(data, load, numbers)
        assert list(dvi.pages(selected, load, max_marks=9)) == [every[number - 1] for number in numbers]
    with pytest.raises(ValueError, match="incomplete DVI file"):
        dvi.select(data, load, [4])


@pytest.mark.needs_tex
@pytest.mark.skipif(shutil.which("dvitype") is None, reason="dvitype not installed")
def test_real_pages_are_read_as_dvitype_reads_them(tmp_path: Path) -> None:
    source = r"\def\page#1{\shipout\hbox{#1}}\page{$$}\page{$\sum_{i=1}^n {a_i\over\sqrt{b^{2}+1}}$ fi}\page{\bf X}\end"
    subprocess.run(["tex", "-interaction=batchmode", source], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    listed = subprocess.run(
        ["dvitype", "-output-level=4", "-show-opcodes", "texput.dvi"], cwd=tmp_path, capture_output=True, text=True
    ).stdout
    pages = []
    for chunk in re.split(r"(?m)^\d+: beginning of page", listed)[1:]:
        font, y = "", 0
        marks = []
        for line in chunk.splitlines():
            if found := re.search(r"(?:^level \d+:\(h=-?\d+,v=| v:=-?\d+[+-]\d+=)(-?\d+)", line):
                y = int(found[1])
            elif found := re.search(r"current font is (\w+)", line):
                font = found[1]
            elif found := re.search(r": setchar(\d+) h:=(-?\d+)\+(\d+)", line):
                marks.append((font, int(found[1]), int(found[2]), y, int(found[3])))
            elif found := re.search(r": putrule \{137\} height (\d+), width (\d+)", line):
                marks.append(("", 0, 0, int(found[1]), int(found[2])))
        pages.append(marks)
    read = list(dvi.pages((tmp_path / "texput.dvi").read_bytes(), dvi.load_metrics, max_marks=1000))
    assert [len(marks) for marks in pages] == [0, 15, 1]
    for expected, found_marks in zip(pages, read, strict=True):
        assert found_marks is not None
        shown = [mark[:5] if mark.font else ("", 0, 0, mark.height, mark.width) for mark in found_marks]
        assert shown == expected


needs_tftopl = pytest.mark.skipif(shutil.which("tftopl") is None, reason="tftopl not installed")


def font(characters: list[tuple[int, int, int, int]], recipes: bytes = b"") -> bytes:
    """A TFM file of the codes 0, 1, ... by (width, height and depth, tag, remainder), with tables of three sizes."""
    sizes = struct.pack(">3i", 0, 1 << 19, 1 << 20)
    numbers = (2, 0, len(characters) - 1, 3, 3, 3, 1, 0, 0, len(recipes) // 4, 0)
    words = 6 + 2 + len(characters) + 9 + 1 + len(recipes) // 4
    head = struct.pack(">12H", words, *numbers) + bytes(8)
    infos = b"".join(bytes([width, size, tag, rest]) for width, size, tag, rest in characters)
    return head + infos + sizes * 3 + bytes(4) + recipes


def test_sizes_chains_and_pieces() -> None:
    found = dvi.parse_tfm(
        font([(1, 0x12, 0, 0), (2, 0x20, 2, 2), (1, 0x10, 2, 3), (2, 0x11, 3, 0), (0, 0, 0, 0)], b"\1\0\2\3")
    )
    assert found.boxes[0] == CharacterBox(1 << 19, 1 << 19, 1 << 20)
    assert sorted(found.boxes) == [0, 1, 2, 3], "a character without width is none"
    assert found.smallest == {2: 1, 3: 1}
    assert found.recipes == {3: ExtensibleRecipe(1, 0, 2, 3)}
    assert found.recipes[3].ends == {1, 2}


def test_a_chain_without_end_is_borne() -> None:
    found = dvi.parse_tfm(font([(1, 0, 2, 1), (1, 0, 2, 2), (1, 0, 2, 0)]))
    assert set(found.smallest) == {0, 1, 2}


@pytest.mark.parametrize("data", [b"", b"no font", struct.pack(">12H", *[9] * 12)])
def test_what_is_no_font_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a TFM file"):
        dvi.parse_tfm(data)


@pytest.mark.needs_tex
@needs_tftopl
@pytest.mark.parametrize("name", ["cmr10", "cmex10", "cmmi12", "msbm7"])
def test_all_characters_are_read_as_tftopl_reads_them(name: str) -> None:
    path = subprocess.run(["kpsewhich", f"{name}.tfm"], capture_output=True, text=True, check=True).stdout.strip()
    listed = subprocess.run(
        ["tftopl", "-charcode-format=octal", path], capture_output=True, text=True, check=True
    ).stdout
    expected = {}
    for block in listed.split("(CHARACTER O ")[1:]:
        code = int(block.split()[0], 8)
        sizes = [re.search(rf"\(CHAR{part} R (-?[\d.]+)", block) for part in ("WD", "HT", "DP")]
        expected[code] = tuple(float(size[1]) if size else 0.0 for size in sizes)
    found = dvi.load_metrics(name)
    assert {code: pytest.approx(box, abs=2e-6) for code, box in expected.items()} == {
        code: tuple(size / FIX for size in box) for code, box in found.boxes.items()
    }
    larger = {
        int(block.split()[0], 8): int(next_larger[1], 8)
        for block in listed.split("(CHARACTER O ")[1:]
        if (next_larger := re.search(r"\(NEXTLARGER O (\d+)", block))
    }
    for code, follows in larger.items():
        assert found.smallest[follows] == found.smallest.get(code, code)


@pytest.mark.needs_tex
def test_an_unknown_font_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"nosuchfont9\.tfm: not found in this TeX installation"):
        dvi.load_metrics("nosuchfont9")
    with pytest.raises(ToolError, match="not the name of a TeX font"):
        dvi.load_metrics("--version")
