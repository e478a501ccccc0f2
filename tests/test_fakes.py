import numpy as np

from im2latex.imaging import raster
from im2latex.rendering.engine import Renderer
from tests.fakes import FakeRenderer


def test_fake_renderer_is_a_renderer() -> None:
    renderer: Renderer = FakeRenderer()
    good, longer, broken = renderer.render(["x", "x+y", r"\broken"])
    assert good.pixels is not None
    assert longer.pixels is not None
    assert np.array_equal(raster.crop(good.pixels), good.pixels)
    assert longer.pixels.shape[1] > good.pixels.shape[1]
    assert (broken.pixels, broken.reason) == (None, "undefined_macro")
