import os
import signal
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from im2latex.rendering.renderer import RenderParams, TexRenderer

pytestmark = pytest.mark.needs_tex
FORMULAS = [
    r"\frac{a}{b}",
    r"\nosuchmacro",
    r"\rlap{$" + "x" * 200 + r"$}",
    r"\bgroup",
    "",
    r"\mathbb{R}",
    r"\phantom{x}",
]


@pytest.fixture
def ready() -> Iterator[TexRenderer]:
    renderer = TexRenderer(RenderParams(rasterizer="pdfium"), pool_size=2)
    renderer.prepare()
    yield renderer
    renderer.close()
    assert not tex_processes()


def tex_processes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name() == "pdftex"]


def test_a_process_started_ahead_gives_the_same_images_and_verdicts(ready: TexRenderer) -> None:
    fresh = TexRenderer(RenderParams(rasterizer="pdfium"))
    for formula in FORMULAS:
        before, after = fresh.render_one(formula), ready.render_one(formula)
        assert (before.reason, before.detail) == (after.reason, after.detail)
        if before.pixels is not None and after.pixels is not None:
            assert np.array_equal(before.pixels, after.pixels)
        assert len(tex_processes()) == 2


def test_each_process_serves_one_formula(ready: TexRenderer) -> None:
    before = {child.pid for child in tex_processes()}
    ready.render_one("x")
    ready.render_one("y")
    assert not before & {child.pid for child in tex_processes()}


def test_an_idle_process_that_ended_is_replaced(ready: TexRenderer) -> None:
    for child in tex_processes():
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ready.render_one("x").pixels is not None
    assert ready.render_one("x").pixels is not None


def test_batches_do_without_them(ready: TexRenderer) -> None:
    before = {child.pid for child in tex_processes()}
    assert all(drawn.pixels is not None for drawn in ready.render(["x"] * 250))
    assert before == {child.pid for child in tex_processes()}
