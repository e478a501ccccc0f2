from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.errors import ParamsError
from im2latex.params import check
from im2latex.rendering.engine import RenderParams, TexRenderer
from im2latex.rendering.looks import BASE, LooksParams, all_looks, chosen

VARIANTS = [
    {"name": "times", "fonts": "times"},
    {"name": "small", "size": "9pt", "dpi": 100},
    {"name": "euler", "fonts": "euler", "size": "10pt", "dpi": 300},
]
LOOKS = all_looks(RenderParams(), check({"variants": VARIANTS}, LooksParams, "looks"))
IDS = st.text("0123456789abcdef", min_size=32, max_size=32)


def test_a_variant_changes_what_it_names_and_keeps_lengths_on_paper() -> None:
    base, times, small, euler = [look.renderer for look in LOOKS]
    assert times == base.model_copy(update={"template": base.template.model_copy(update={"fonts": "times"})})
    assert (small.template.document_class, small.template.class_options, small.dpi) == ("extarticle", "9pt", 100)
    assert (small.max_width_px, small.template.margin_px) == (base.max_width_px // 2, base.template.margin_px // 2)
    assert (euler.template.document_class, euler.template.class_options) == ("article", "10pt")
    assert euler.template.fonts == "euler"


@pytest.mark.parametrize("name", [BASE, "twice", "No/Path"])
def test_names_of_looks_are_file_names_and_differ(name: str) -> None:
    with pytest.raises(ParamsError):
        check({"variants": [{"name": "twice"}, {"name": name}]}, LooksParams, "looks")


@given(IDS, st.integers(1, 6))
def test_training_formulas_get_as_many_looks_as_asked_and_others_the_base(name: str, per_formula: int) -> None:
    assert len(chosen(name, "train", LOOKS, per_formula)) == min(per_formula, len(LOOKS))
    assert chosen(name, "val", LOOKS, per_formula) == chosen(name, "test", LOOKS, per_formula) == {BASE}


@given(IDS)
def test_another_look_moves_no_formula_between_the_old(name: str) -> None:
    assert chosen(name, "train", LOOKS, 1) in (chosen(name, "train", LOOKS[:3], 1), {"euler"})


def test_looks_are_spread_evenly() -> None:
    counts = Counter(next(iter(chosen(f"{number:032x}", "train", LOOKS, 1))) for number in range(4000))
    assert all(900 < counts[look.name] < 1100 for look in LOOKS)


@pytest.mark.needs_tex
def test_every_look_is_another_picture_that_its_neighbours_do_not_change() -> None:
    formulas = [
        r"\frac { a } { \mathbf { b } + 1 }",
        r"\sum _ { i } \alpha _ { i }",
        r"\mathcal { X } \le \mathbb { R }",
    ]
    found = []
    for look in LOOKS:
        renderer = TexRenderer(look.renderer.model_copy(update={"rasterizer": "pdfium"}))
        together = [drawn.pixels for drawn in renderer.render(formulas) if drawn.pixels is not None]
        alone = [drawn.pixels for drawn in map(renderer.render_one, formulas) if drawn.pixels is not None]
        assert len(together) == len(formulas)
        assert all(np.array_equal(first, second) for first, second in zip(together, alone, strict=True))
        found.append(together)
    identities = {TexRenderer(look.renderer).identity for look in LOOKS}
    assert len(identities) == len(LOOKS)
    heights = [pictures[0].shape[0] for pictures in found]
    assert heights[2] < heights[0] < heights[3]
    assert not np.array_equal(found[0][0], found[1][0])
