import shutil
from pathlib import Path

import numpy as np
import pytest

from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.sandbox import process
from im2latex.sandbox.system_packages import find_program
from recipes.portable_tex import _filter_font_map, collect

PARAMS = RenderParams(rasterizer="pdfium")
FORMULAS = [r"x^{2} + \mathbb{R}", r"\int_{0}^{1} \mathfrak{g} \, dx"]
OTHERS = [r"\mathscr{L} \leq \sum_{n} \mathbf{a}_{n}", r"\widehat{xyz} + \tiny"]


@pytest.mark.needs_tex
def test_portable_tex_renders_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = TexRenderer(PARAMS)
    expected, identity = here.render([*FORMULAS, *OTHERS]), here.identity
    collect(tmp_path / "packed", [PARAMS], FORMULAS)
    moved = tmp_path / "elsewhere" / "tex"
    moved.parent.mkdir()
    shutil.move(tmp_path / "packed", moved)
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "dirname", "readlink"):
        (bare / name).symlink_to(find_program(name))
    monkeypatch.setenv("PATH", f"{moved / 'bin'}:{bare}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(moved / "cache"))
    process.output_lines.cache_clear()
    there = TexRenderer(PARAMS)
    found = there.render([*FORMULAS, *OTHERS])
    assert there.identity == identity
    for one, other in zip(expected, found, strict=True):
        assert one.pixels is not None
        assert other.pixels is not None, other
        assert np.array_equal(one.pixels, other.pixels)
    process.output_lines.cache_clear()


def test_the_font_map_lists_packed_fonts_only(tmp_path: Path) -> None:
    path = tmp_path / "pdftex.map"
    path.write_text("cmr10 CMR10 <cmr10.pfb\nptm Times <8r.enc <utm.pfb\n% remark\nmsbm10 MSBM10 <msbm10.pfb\n")
    files = dict.fromkeys(("cmr10.pfb", "utm.pfb"), path)
    assert _filter_font_map(path, files) == "cmr10 CMR10 <cmr10.pfb\n"
