r"""Tokens that render the same image at the training resolution: python -m benchmarks.indistinguishable --help

Every symbol, and every command with one argument applied to a letter, is rendered as a training image in several
contexts (alone, between letters, in a script, beside brackets and signs) and font sets at 12 pt. Two tokens are `same`
where all these images are equal, so that no model can distinguish them, and `near` where they have the same size and
differ in little ink. Spaces are compared by the width they add, in pixels of a training image.

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
CONTEXTS = (
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
"""Neighbours of every class, on which TeX's spaces, limits of operators and the dots of amsmath depend."""
SPACE_CONTEXTS = ("x {} y", ") {} (", "a = {} 1")
NEAR_INK = 0.06
"""Largest difference of two `near` images, as a share of the ink of both."""
CLOSE_PX = 1.0
"""Spaces that differ by less than this, in pixels of a training image, are listed."""

Pixels = NDArray[np.uint8]


def main(
    fonts: Annotated[list[str] | None, typer.Option(help="font sets that must all agree")] = None,
) -> None:
    """Compare all pairs of tokens."""
    chosen = [font for font in FONTS if fonts is None or font in fonts]
    normalizer = Normalizer(NormalizerParams())
    tokens = _tokens(normalizer)
    pages = {
        font: _render(font, [context.format(*[text] * 2) for text in tokens.values() for context in CONTEXTS])
        for font in chosen
    }
    images: dict[str, list[Pixels]] = {}
    for number, token in enumerate(tokens):
        rendered = [pages[font][number * len(CONTEXTS) + i] for font in chosen for i in range(len(CONTEXTS))]
        if all(page is not None for page in rendered):
            images[token] = [page for page in rendered if page is not None]
    same = _same(images)
    save(
        "indistinguishable",
        {
            "fonts": chosen,
            "contexts": list(CONTEXTS),
            "tokens": len(images),
            "failed": sorted(tokens.keys() - images.keys()),
            "same": same,
            "same_in_some_contexts": _partly(images, same),
            "near": _near(images),
            "spaces": _spaces(),
        },
    )


def _tokens(normalizer: Normalizer) -> dict[str, str]:
    """Tokens that the normalizer does not replace, with LaTeX that renders each."""
    shown = {name: name for name in sorted(known_symbols()) if name not in SPACES}
    shown |= {character: character for character in "+-*/<>=|.,;:!?()[]'@"}
    shown |= {name: f"{name} {{ x }}" for name, kinds in sorted(COMMANDS.items()) if kinds == "m"}
    tokens = {}
    for name, text in shown.items():
        try:
            if name in normalizer.normalize(f"a {text} b").split():
                tokens[name] = text
        except LatexError:
            continue
    return tokens


def _render(fonts: str, formulas: Sequence[str]) -> list[Pixels | None]:
    """Render formulas as training images, 12 pt at 100 dpi."""
    params = RenderParams.model_validate({"rasterizer": "pdfium", "template": {"fonts": fonts}})
    return [one.pixels for one in render_dataset_images(TexRenderer(params), formulas, ImageParams())]


def _same(images: dict[str, list[Pixels]]) -> list[list[str]]:
    """Groups of tokens whose images are equal in all contexts and fonts."""
    groups: defaultdict[tuple[tuple[tuple[int, ...], bytes], ...], list[str]] = defaultdict(list)
    for token, pages in images.items():
        groups[tuple((page.shape, page.tobytes()) for page in pages)].append(token)
    return [group for group in groups.values() if len(group) > 1]


def _partly(images: dict[str, list[Pixels]], same: list[list[str]]) -> dict[str, float]:
    """Pairs whose images are equal in some contexts only, with the share of contexts."""
    known_pairs = {pair for group in same for pair in combinations(group, 2)}
    agreeing: defaultdict[tuple[str, str], int] = defaultdict(int)
    contexts = len(next(iter(images.values())))
    for at in range(contexts):
        groups: defaultdict[tuple[tuple[int, ...], bytes], list[str]] = defaultdict(list)
        for token, pages in images.items():
            groups[pages[at].shape, pages[at].tobytes()].append(token)
        for group in groups.values():
            for pair in combinations(group, 2):
                agreeing[pair] += 1
    return {
        " ".join(pair): round(count / contexts, 2)
        for pair, count in sorted(agreeing.items(), key=lambda item: (-item[1], item[0]))
        if pair not in known_pairs
    }


def _near(images: dict[str, list[Pixels]]) -> dict[str, float]:
    """Pairs whose images have equal sizes and differ in little ink in all contexts, with the largest difference."""
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
    """Width that one or two spaces add between symbols, in pixels of a training image, and pairs of similar width."""
    single = [r"\,", r"\:", r"\;", "~", r"\!", r"\quad", r"\qquad"]
    texts = ["", *single, *(f"{one} {other}" for at, one in enumerate(single) for other in single[at:])]
    # at 8 times the resolution, since the crop is to whole pixels
    factor = 8
    params = RenderParams.model_validate({"rasterizer": "pdfium", "dpi": 100 * factor, "max_width_px": 20000})
    rows = TexRenderer(params).render([context.format(text) for context in SPACE_CONTEXTS for text in texts])
    widths = [None if row.pixels is None else _ink_width(row.pixels) / factor for row in rows]
    added: dict[str, list[float]] = {}
    for at, text in enumerate(texts):
        spaced = [widths[i * len(texts) + at] for i in range(len(SPACE_CONTEXTS))]
        base = [widths[i * len(texts)] for i in range(len(SPACE_CONTEXTS))]
        added[text] = [round(a - b, 2) for a, b in zip(spaced, base, strict=True) if a is not None and b is not None]
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
