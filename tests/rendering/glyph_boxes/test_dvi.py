"""Pages of DVI: by hand, and as DVItype, Knuth's own reader, reads what TeX wrote."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from im2latex.rendering.glyph_boxes import dvi, tfm
from im2latex.rendering.glyph_boxes.dvi import Mark
from im2latex.rendering.glyph_boxes.tfm import FIX, CharacterBox, FontMetrics

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
    read = list(dvi.pages((tmp_path / "texput.dvi").read_bytes(), tfm.load, max_marks=1000))
    assert [len(marks) for marks in pages] == [0, 15, 1]
    for expected, found_marks in zip(pages, read, strict=True):
        assert found_marks is not None
        shown = [mark[:5] if mark.font else ("", 0, 0, mark.height, mark.width) for mark in found_marks]
        assert shown == expected
