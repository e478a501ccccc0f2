"""Formulas drawn by matplotlib, refused where it does not know them."""

import pytest

from im2latex.rendering.mathtext import MathtextParams, MathtextRenderer, to_mathtext
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.styles import StylesParams, VariantParams, all_styles, create_renderer

pytest.importorskip("matplotlib")


def renderer(**changes: object) -> MathtextRenderer:
    return MathtextRenderer(MathtextParams.model_validate(changes))


def test_ink_fills_the_image_and_the_paper_is_white() -> None:
    (drawn,) = renderer().render(["x _ { 1 } + y"])
    pixels = drawn.pixels
    assert pixels is not None
    assert pixels.max() == 255
    assert all(edge.min() < 255 for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


@pytest.mark.parametrize("formula", ["\u2603", r"\begin{matrix} a & b \end{matrix}", r"\unknown { a }", "{" * 2000])
def test_commands_unknown_to_mathtext_are_refused_by_name(formula: str) -> None:
    (drawn,) = renderer().render([formula])
    assert drawn.pixels is None
    assert drawn.reason == "not_understood"
    assert drawn.detail


def test_a_fault_of_mathtext_itself_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    r"""As in a release of matplotlib whose `\substack` failed with `TypeError: 'str' object is not callable`."""

    def faulty(*_: object) -> None:
        raise TypeError("'str' object is not callable")

    monkeypatch.setattr("matplotlib.mathtext.MathTextParser.parse", faulty)
    assert [drawn.reason for drawn in renderer().render(["x", "y"])] == ["not_understood"] * 2


def test_a_font_file_that_cannot_be_read_is_no_fault_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_fonts(*_: object) -> None:
        raise FileNotFoundError("cmmi10.ttf")

    monkeypatch.setattr("matplotlib.mathtext.MathTextParser.parse", without_fonts)
    with pytest.raises(FileNotFoundError):
        renderer().render(["x"])


def test_a_subscript_is_below() -> None:
    beside, below = renderer().render(["x x", "x _ { x }"])
    assert beside.pixels is not None
    assert below.pixels is not None
    assert below.pixels.shape[0] > beside.pixels.shape[0]


def test_spelling_is_adapted_by_whole_tokens() -> None:
    assert to_mathtext(r"a _ { 2 } \le \left ( b \lesssim \alpha c") == r"a_{2}\leq\left(b\lesssim\alpha c"
    assert to_mathtext(r"x ~ \text{if~y}") == r"x\ \text{if y}"


def test_a_style_names_fonts_size_and_resolution_and_they_decide_the_identity() -> None:
    variant = VariantParams(name="slides", renderer="mathtext", mathtext_fonts="stixsans", size="14pt", dpi=100)
    style = all_styles(RenderParams(), StylesParams(variants=(variant,)))[1]
    assert style.renderer == MathtextParams(fonts="stixsans", points=14, dpi=100)
    identities = {create_renderer(style.renderer).identity, *(renderer(dpi=dpi).identity for dpi in (100, 200))}
    assert len(identities) == 3


@pytest.mark.parametrize(
    "keys", [{"renderer": "mathtext", "fonts": "palatino"}, {"renderer": "tex", "mathtext_fonts": "stix"}]
)
def test_a_key_of_the_other_renderer_is_refused(keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has no meaning in style 'a'"):
        VariantParams.model_validate({"name": "a", **keys})
