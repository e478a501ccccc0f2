"""Packed labels: which are kept, and in which styles they are rendered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from im2latex.config import load_yaml, merge
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.styles import RenderStyle
from pipeline.paths import ROOT
from recipes.gpu_10min import pack


@pytest.fixture
def params() -> dict[str, Any]:
    whole = load_yaml(ROOT / "params.yaml")
    for path in pack.OVERRIDES:
        whole = merge(whole, load_yaml(Path(path)))
    return merge(
        whole, {"normalize": {"normalizer": {"macros": None}}, "tokenize": {"vocabulary": {"min_frequency": 1}}}
    )


def test_styles_are_sampled_by_share() -> None:
    styles = [RenderStyle(str(share), RenderParams(), share) for share in (6, 3, 1, 0)]
    numbers = pack._sample_styles(styles, 20_000, 5, np.random.default_rng(1))
    assert numbers.shape == (20_000, 3), "no style twice, and none without a share"
    assert (np.sort(numbers, axis=1) == [0, 1, 2]).all()
    assert np.bincount(numbers[:, 0]) / 20_000 == pytest.approx([0.6, 0.3, 0.1], abs=0.01)
    assert np.bincount(numbers[:, 1], minlength=3)[2] > np.bincount(numbers[:, 0])[2], "rare ones come later"


def test_pdfium_rasterizes_every_tex_style(params: dict[str, Any]) -> None:
    styles = pack._render_styles(pack._with_pdfium(params))
    of_tex = [style.renderer for style in styles if isinstance(style.renderer, RenderParams)]
    assert {renderer.rasterizer for renderer in of_tex} == {"pdfium"}
    assert len(styles) == len(pack._render_styles(params))


@pytest.mark.parametrize("normalized", [False, True])
def test_held_out_labels_are_not_trained_on(params: dict[str, Any], normalized: bool) -> None:
    train = ["a + b", "x ^ { 2 }", "d", "d - e", "a + b"]
    labels = pack.prepare_labels(params, train, ["d"], ["x^2"], normalized)
    texts = [labels.latex(number) for number in range(len(labels))]
    assert sorted(text for text, held in zip(texts, labels.held_out, strict=True) if not held) == ["a + b", "d - e"]
    assert texts[-1] == "d"
    assert not labels.styles[-1].any(), "validation is in the base style"
    assert labels.styles.shape == (3, params["render"]["styles"]["per_formula"])
