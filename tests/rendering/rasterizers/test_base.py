from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from im2latex.rendering import document, tex_format
from im2latex.rendering.rasterizers.base import RasterizerError
from im2latex.rendering.rasterizers.registry import RASTERIZERS, RasterizerName, create_rasterizer
from im2latex.rendering.tex_process import TexLauncher
from im2latex.rendering.typesetter import Typesetter
from im2latex.sandbox.resource_limits import ProcessLimits

pytestmark = pytest.mark.needs_tex
NAMES = [name for name, rasterizer in RASTERIZERS.items() if rasterizer.input_format == "pdf"]
MARGIN = 24


@pytest.fixture(scope="module")
def pdf() -> Iterator[Path]:
    """Four pages, with a rule of 100 x 50 pixels on the second."""
    template = document.TemplateParams()
    preamble = tex_format.load(document.preamble(template, document.PageParams()))
    rule = r"\rule[-3.6135pt]{36.135pt}{18.0675pt}"
    for printed in Typesetter(template, TexLauncher(preamble, ProcessLimits()), 3).typeset(
        ["x", rule, "y", "z"], MARGIN
    ):
        assert printed.pdf is not None
        yield printed.pdf


@pytest.mark.parametrize("name", NAMES)
def test_whole_pixels_come_out_whole(pdf: Path, name: RasterizerName) -> None:
    [page] = create_rasterizer(name, ProcessLimits()).pages(pdf, 200, [2])
    ink = np.argwhere(page < 128)
    assert (ink.min(axis=0) >= MARGIN - 1).all()
    assert np.abs(ink.max(axis=0) + 1 - ink.min(axis=0) - (50, 100)).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_only_the_wanted_pages_are_drawn(pdf: Path, name: RasterizerName) -> None:
    rasterizer = create_rasterizer(name, ProcessLimits())
    pages = list(rasterizer.pages(pdf, 200, [1, 2, 3, 4]))
    some = list(rasterizer.pages(pdf, 200, [2, 4]))
    assert len(pages) == 4
    assert [page.tolist() for page in some] == [pages[1].tolist(), pages[3].tolist()]


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_reported(tmp_path: Path, name: RasterizerName) -> None:
    damaged = tmp_path / "batch.pdf"
    damaged.write_bytes(b"%PDF-1.5 and no more")
    with pytest.raises(RasterizerError):
        list(create_rasterizer(name, ProcessLimits()).pages(damaged, 200, [1]))


def test_identities_differ() -> None:
    assert len({create_rasterizer(name, ProcessLimits()).identity() for name in NAMES}) == len(NAMES)
