import re
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from im2latex.rendering.document import TemplateParams
from im2latex.rendering.fonts import FONTS, RECOMMENDED, FontSet
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.sandbox import process

ALPHABETS = (r"\mathbf{%s}", r"\mathrm{%s}", r"\boldsymbol{%s}", "{%s}")
LETTERS = "abxyzABXMR"
SYMBOLS = (r"\alpha", r"\xi", r"\phi", r"\Gamma", r"\Omega", r"\nabla", r"\partial")


@cache
def _here(package: str) -> bool:
    """Whether TeX finds a package."""
    name = re.sub(r"^\[.*\]|[{}]", "", package) + ".sty"
    done = process.run_process(
        ["kpsewhich", name], cwd=Path("/tmp"), timeout_seconds=20, memory_mb=1024, file_mb=1, access=None
    )
    return done.ok


def _renderer(fonts: FontSet) -> TexRenderer:
    """A renderer of the set; skips the test where its optional packages are missing."""
    missing = [name for name in FONTS[fonts].packages if not _here(name)]
    if missing and fonts not in RECOMMENDED:
        pytest.skip(f"{', '.join(missing)} not installed; make styles brings them")
    return TexRenderer(RenderParams(template=TemplateParams(fonts=fonts), rasterizer="pdfium"))


def test_each_set_is_in_the_table() -> None:
    assert list(FONTS) == list(get_args(FontSet))
    assert set(RECOMMENDED) < set(FONTS)


@pytest.mark.needs_tex
@pytest.mark.parametrize("fonts", [fonts for fonts in get_args(FontSet) if fonts != "times"])
def test_bold_differs_from_regular(fonts: FontSet) -> None:
    letters = [[form % letter for form in ALPHABETS] for letter in LETTERS]
    symbols = [[symbol, rf"\boldsymbol{{{symbol}}}"] for symbol in SYMBOLS]
    groups = letters + symbols
    drawn = iter(_renderer(fonts).render([formula for group in groups for formula in group]))
    alike = []
    for group in groups:
        images = [(formula, next(drawn)) for formula in group]
        assert [(formula, one.reason, one.detail) for formula, one in images if one.pixels is None] == []
        alike += [
            (first, second)
            for (first, one), (second, other) in combinations(images, 2)
            if one.pixels is not None and other.pixels is not None and np.array_equal(one.pixels, other.pixels)
        ]
    upright = {rf"\mathrm{{{letter}}}" for letter in LETTERS}
    assert [pair for pair in alike if not upright & set(pair)] == []
