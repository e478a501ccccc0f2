"""Image conditions by name: a renderer and the effects applied to its image.

`clean` is the image that the data set holds in the base look, so that every other condition is compared with what
the model was made for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.robustness.browser import Page
from benchmarks.robustness.effects import Blur, Colours, Effect, Enlarge, Jpeg, Noise, Turn, UnevenPadding
from benchmarks.robustness.typeset import Mathtext, Typeset

Source = Typeset | Mathtext | Page

CLEAN = "clean"


@dataclass(frozen=True)
class Condition:
    """A name, the kind of difference from `clean`, what draws the formula, and what is then done to the image."""

    name: str
    kind: str
    source: Source
    effects: tuple[Effect, ...] = ()


_SHARP = Typeset(dpi=200)
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def _all() -> Iterator[Condition]:
    yield Condition(CLEAN, "clean", Typeset(as_data=True))
    for fonts in ("times", "txfonts", "palatino", "pxfonts", "euler"):
        yield Condition(f"font-{fonts}", "fonts", Typeset(fonts=fonts, as_data=True))
    for size in ("8pt", "9pt", "10pt", "11pt", "14pt"):
        yield Condition(f"size-{size}", "size", Typeset(size=size, as_data=True))
    for dpi in (72, 100, 150, 200, 300):
        yield Condition(f"dpi-{dpi}", "resolution", Typeset(dpi=dpi))
    yield Condition("dpi-72-enlarged", "resolution", Typeset(dpi=72), (Enlarge(2.0),))
    for fontset in ("cm", "stix", "dejavusans"):
        yield Condition(f"mathtext-{fontset}", "renderer", Mathtext(fontset))
    for engine in ("katex", "mathjax"):
        for scale in (1, 2):
            yield Condition(f"{engine}-{scale}x", "renderer", Page(engine, scale))
    yield Condition("mathjax-svg-2x", "renderer", Page("mathjax-svg", 2))
    yield Condition("katex-dark-1x", "colour", Page("katex", 1, ink="#d4d4d4", paper="#1e1e1e"))
    yield Condition("katex-dark-2x", "colour", Page("katex", 2, ink="#d4d4d4", paper="#1e1e1e"))
    yield Condition("white-on-black", "colour", _SHARP, (Colours(_WHITE, _BLACK),))
    yield Condition("grey-on-1e1e1e", "colour", _SHARP, (Colours((212, 212, 212), (30, 30, 30)),))
    yield Condition("blue-on-white", "colour", _SHARP, (Colours((31, 78, 180), _WHITE),))
    yield Condition("brown-on-cream", "colour", _SHARP, (Colours((101, 67, 33), (253, 246, 227)),))
    yield Condition("low-contrast", "colour", _SHARP, (Colours((150, 150, 150), (215, 215, 215)),))
    yield Condition("transparent", "colour", _SHARP, (Colours(_BLACK, None),))
    yield Condition("transparent-white-ink", "colour", _SHARP, (Colours(_WHITE, None),))
    for quality in (70, 40):
        yield Condition(f"jpeg-{quality}", "damage", Typeset(dpi=150), (Jpeg(quality),))
    for sigma in (1.0, 2.0):
        yield Condition(f"blur-{sigma:g}", "damage", _SHARP, (Blur(sigma),))
    for degrees in (1.0, 2.0):
        yield Condition(f"rotation-{degrees:g}", "damage", _SHARP, (Turn(degrees),))
    yield Condition("uneven-padding", "damage", _SHARP, (UnevenPadding(120),))
    yield Condition("noise", "damage", _SHARP, (Noise(0.06),))
    yield Condition("several", "damage", _SHARP, (UnevenPadding(40), Turn(1.0), Blur(1.0), Noise(0.02), Jpeg(60)))


CONDITIONS: tuple[Condition, ...] = tuple(_all())
"""All of them, `clean` first."""
