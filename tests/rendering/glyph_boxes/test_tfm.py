r"""Font metrics are read as TFtoPL, Knuth's own reader, reads them."""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from im2latex.errors import ToolError
from im2latex.rendering.glyph_boxes import tfm
from im2latex.rendering.glyph_boxes.tfm import CharacterBox, ExtensibleRecipe

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
    found = tfm.parse(
        font([(1, 0x12, 0, 0), (2, 0x20, 2, 2), (1, 0x10, 2, 3), (2, 0x11, 3, 0), (0, 0, 0, 0)], b"\1\0\2\3")
    )
    assert found.boxes[0] == CharacterBox(1 << 19, 1 << 19, 1 << 20)
    assert sorted(found.boxes) == [0, 1, 2, 3], "a character without width is none"
    assert found.smallest == {2: 1, 3: 1}
    assert found.recipes == {3: ExtensibleRecipe(1, 0, 2, 3)}
    assert found.recipes[3].ends == {1, 2}


def test_a_chain_without_end_is_borne() -> None:
    found = tfm.parse(font([(1, 0, 2, 1), (1, 0, 2, 2), (1, 0, 2, 0)]))
    assert set(found.smallest) == {0, 1, 2}


@pytest.mark.parametrize("data", [b"", b"no font", struct.pack(">12H", *[9] * 12)])
def test_what_is_no_font_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a TFM file"):
        tfm.parse(data)


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
    found = tfm.load(name)
    assert {code: pytest.approx(box, abs=2e-6) for code, box in expected.items()} == {
        code: tuple(size / tfm.FIX for size in box) for code, box in found.boxes.items()
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
        tfm.load("nosuchfont9")
    with pytest.raises(ToolError, match="not the name of a TeX font"):
        tfm.load("--version")
