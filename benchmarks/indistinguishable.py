r"""Which tokens no image of the training resolution can tell apart: python -m benchmarks.indistinguishable --help

Every symbol, and every command of one argument applied to a letter, is set in several places (alone, between letters,
in a script, beside brackets and signs) in several font sets at 12 pt, and brought to the resolution of training images.
Two tokens are `same` where all these images agree pixel by pixel, so that a label's spelling cannot be read; `near`
where they have one size and differ by little ink. Spaces are compared by the width they add, in pixels of that image.

writes  benchmarks/results/indistinguishable.json
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.harness import save
from im2latex.errors import LatexError
from im2latex.images.arrays import ImageParams
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.parser.signatures import COMMANDS, SPACES
from im2latex.latex.parser.symbols import known_symbols
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.fonts import FontSet
from im2latex.rendering.renderer import RenderParams, TexRenderer

FONTS: tuple[FontSet, ...] = ("computer-modern", "times")
PLACES = (
    "{}",
    "a {} b",
    "x _ {{ i {} j }}",
    "( {} x",
    "2 {} , y",
    "{} - b",
    "a + {} )",
    "{} _ {{ i }} ^ {{ 2 }}",
    r"{} \left ( a \right )",
    "{} ;",
    "{} {} c",
)
"""Neighbours of every class: TeX's space, limits of operators and amsmath's dots depend on them."""
SPACE_PLACES = ("x {} y", ") {} (", "a = {} 1")
NEAR_INK = 0.06
"""Most ink that may differ, as a share of the ink of both, for two images to be `near`."""
CLOSE_PX = 1.0
"""Spaces that differ by less, in pixels of the training image, are listed."""

Pixels = NDArray[np.uint8]


def main(
    fonts: Annotated[list[str] | None, typer.Option(help="font sets; all must agree")] = None,
) -> None:
    """Compare all tokens with each other."""
    chosen = [font for font in FONTS if fonts is None or font in fonts]
    normalizer = Normalizer(NormalizerParams())
    tokens = _tokens(normalizer)
    pages = {
        font: _draw(font, [place.format(*[text] * 2) for text in tokens.values() for place in PLACES])
        for font in chosen
    }
    images: dict[str, list[Pixels]] = {}
    for number, token in enumerate(tokens):
        mine = [pages[font][number * len(PLACES) + at] for font in chosen for at in range(len(PLACES))]
        if all(page is not None for page in mine):
            images[token] = [page for page in mine if page is not None]
    same = _same(images)
    save(
        "indistinguishable",
        {
            "fonts": chosen,
            "places": list(PLACES),
            "tokens": len(images),
            "not_drawn": sorted(tokens.keys() - images.keys()),
            "same": same,
            "same_in_some_places": _partly(images, same),
            "near": _near(images),
            "spaces": _spaces(),
        },
    )


def _tokens(normalizer: Normalizer) -> dict[str, str]:
    """From a token that stays itself when normalized to the LaTeX that shows it."""
    shown = {name: name for name in sorted(known_symbols()) if name not in SPACES}
    shown |= {character: character for character in "+-*/<>=|.,;:!?()[]'@"}
    shown |= {name: f"{name} {{ x }}" for name, kinds in sorted(COMMANDS.items()) if kinds == "m"}
    kept = {}
    for name, text in shown.items():
        try:
            if name in normalizer.normalize(f"a {text} b").split():
                kept[name] = text
        except LatexError:
            continue
    return kept


def _draw(fonts: str, formulas: Sequence[str]) -> list[Pixels | None]:
    """The formulas as training images, 12 pt at 100 dpi."""
    params = RenderParams.model_validate({"rasterizer": "pdfium", "template": {"fonts": fonts}})
    return [one.pixels for one in render_dataset_images(TexRenderer(params), formulas, ImageParams())]


def _same(images: dict[str, list[Pixels]]) -> list[list[str]]:
    """Groups of tokens whose images agree in all places and fonts."""
    groups: defaultdict[tuple[tuple[tuple[int, ...], bytes], ...], list[str]] = defaultdict(list)
    for token, pages in images.items():
        groups[tuple((page.shape, page.tobytes()) for page in pages)].append(token)
    return [group for group in groups.values() if len(group) > 1]


def _partly(images: dict[str, list[Pixels]], same: list[list[str]]) -> dict[str, float]:
    """Pairs that agree in some places only, with the share of places."""
    known_pairs = {pair for group in same for pair in combinations(group, 2)}
    agreeing: defaultdict[tuple[str, str], int] = defaultdict(int)
    places = len(next(iter(images.values())))
    for at in range(places):
        groups: defaultdict[tuple[tuple[int, ...], bytes], list[str]] = defaultdict(list)
        for token, pages in images.items():
            groups[pages[at].shape, pages[at].tobytes()].append(token)
        for group in groups.values():
            for pair in combinations(group, 2):
                agreeing[pair] += 1
    return {
        " ".join(pair): round(count / places, 2)
        for pair, count in sorted(agreeing.items(), key=lambda item: (-item[1], item[0]))
        if pair not in known_pairs
    }


def _near(images: dict[str, list[Pixels]]) -> dict[str, float]:
    """Pairs whose images have one size in all places and differ by little ink, with the largest share of ink."""
    shapes: defaultdict[tuple[tuple[int, ...], ...], list[str]] = defaultdict(list)
    for token, pages in images.items():
        shapes[tuple(page.shape for page in pages)].append(token)
    found = {}
    for group in shapes.values():
        for one, other in combinations(group, 2):
            differences = [_difference(a, b) for a, b in zip(images[one], images[other], strict=True)]
            if 0 < max(differences) <= NEAR_INK:
                found[f"{one} {other}"] = round(max(differences), 4)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _difference(one: Pixels, other: Pixels) -> float:
    ink = (255 - one.astype(int)).sum() + (255 - other.astype(int)).sum()
    return float(np.abs(one.astype(int) - other).sum() / max(1, ink))


def _spaces() -> dict[str, object]:
    """Width that a space, or two, adds between symbols, in pixels of the training image; and pairs that are alike."""
    single = [r"\,", r"\:", r"\;", "~", r"\!", r"\quad", r"\qquad"]
    texts = ["", *single, *(f"{one} {other}" for at, one in enumerate(single) for other in single[at:])]
    # measured finely, since a crop to whole pixels hides what moves
    fine = 8
    params = RenderParams.model_validate({"rasterizer": "pdfium", "dpi": 100 * fine, "max_width_px": 20000})
    rows = TexRenderer(params).render([place.format(text) for place in SPACE_PLACES for text in texts])
    widths = [None if row.pixels is None else _ink_width(row.pixels) / fine for row in rows]
    added: dict[str, list[float]] = {}
    for at, text in enumerate(texts):
        mine = [widths[place * len(texts) + at] for place in range(len(SPACE_PLACES))]
        base = [widths[place * len(texts)] for place in range(len(SPACE_PLACES))]
        added[text] = [round(a - b, 2) for a, b in zip(mine, base, strict=True) if a is not None and b is not None]
    gaps = {
        f"{one or 'nothing'} | {other}": max(abs(a - b) for a, b in zip(added[one], added[other], strict=True))
        for one, other in combinations(texts, 2)
    }
    close = {pair: round(gap, 2) for pair, gap in sorted(gaps.items(), key=lambda item: item[1]) if gap < CLOSE_PX}
    return {"added_px": {text or "nothing": values for text, values in added.items()}, "pairs_below_1_px": close}


def _ink_width(pixels: Pixels) -> int:
    columns = np.flatnonzero((pixels < 128).any(axis=0))
    return int(columns[-1] - columns[0] + 1)


if __name__ == "__main__":
    typer.run(main)
