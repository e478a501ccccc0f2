import numpy as np

from im2latex.images import arrays
from im2latex.rendering.glyph_boxes.reader import GlyphReader
from im2latex.rendering.renderer import Renderer
from tests.fakes import FakeGlyphs, FakeRenderer


def test_fake_renderer_is_a_renderer() -> None:
    renderer: Renderer = FakeRenderer()
    good, longer, broken = renderer.render(["x", "x+y", r"\broken"])
    assert good.pixels is not None
    assert longer.pixels is not None
    assert np.array_equal(arrays.crop(good.pixels), good.pixels)
    assert longer.pixels.shape[1] > good.pixels.shape[1]
    assert (broken.pixels, broken.reason) == (None, "undefined_macro")


def test_fake_glyphs_are_a_reader_of_symbols() -> None:
    reader: GlyphReader = FakeGlyphs()
    good, broken, empty = reader.read(["x + y", r"\broken", " "])
    assert good.glyphs is not None
    assert good.glyphs.labels == ("x", "+", "y")
    assert good.glyphs.boxes.shape == (3, 4)
    assert (broken.reason, empty.reason) == ("undefined_macro", "empty")
