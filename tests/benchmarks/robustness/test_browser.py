"""Screenshots of headless Chromium; skipped without it or the engine."""

import shutil

import numpy as np
import pytest

from benchmarks.robustness.browser import ENGINES, BrowserRenderer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium not installed"),
    pytest.mark.skipif(not (ENGINES / "node_modules" / "katex").is_dir(), reason="katex not installed"),
]


def test_katex_renders_in_the_colours_of_the_page_and_reports_unsupported_commands() -> None:
    renderer = BrowserRenderer("katex", 2, ink="#d4d4d4", paper="#1e1e1e")
    fraction, unknown = renderer.render([r"\frac { a } { b }", r"\unknownmacro"])
    assert fraction.pixels is not None
    assert fraction.pixels.shape[2] == 3
    assert fraction.pixels[0, 0].tolist() == [0x1E] * 3
    assert np.abs(fraction.pixels.astype(int) - 0xD4).min() < 8
    assert unknown.reason == "not_understood"
    assert r"\unknownmacro" in unknown.detail.replace("\u0332", "")
