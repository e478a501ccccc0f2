"""Attention maps over the image, as inline SVG in the colours of the page.

An `AttentionMap` is drawn three times from the same elements: all tokens at once, coloured by their order; one after
the other, for an animation without a script; and side by side. A cell of the image is darker the more attention it
has, in steps and relative to the maximum, so that the drawing stays small.
"""

from html import escape

import numpy as np
from numpy.typing import NDArray

from im2latex.reporting.figures import data_uri
from im2latex.reporting.report_model import AttentionMap

STEPS = 5
"""Shades of attention; cells lighter than the lightest are not drawn."""

ORDERS = 8
"""Colours from the first token to the last."""


def order_of(place: int, tokens: int) -> int:
    """The colour of a token, 0 to ORDERS - 1."""
    return place * ORDERS // max(1, tokens)


def definitions(attention_map: AttentionMap, number: int) -> str:
    """The image and a map for each token, which the drawings of attention map `number` refer to."""
    size = f'width="{attention_map.page.width}" height="{attention_map.page.height}"'
    image = f'<image id="page{number}" href="{data_uri(attention_map.page.png)}" {size}/>'
    maps = (
        f'<g id="map{number}-{place}">{_paths(_shades(one), attention_map)}</g>'
        for place, one in enumerate(attention_map.maps)
    )
    return f'<svg class="parts-only" width="0" height="0" aria-hidden="true"><defs>{image}{"".join(maps)}</defs></svg>'


def in_order(attention_map: AttentionMap, number: int) -> str:
    """All tokens at once: each cell has the colour of the token with the most attention on it."""
    strongest = attention_map.maps.argmax(axis=0)
    colours = strongest * ORDERS // max(1, len(attention_map.tokens))
    shades = _shades(attention_map.maps.max(axis=0))
    layers = [
        f'<g class="order-{colour}">{_paths(np.where(colours == colour, shades, 0), attention_map)}</g>'
        for colour in range(ORDERS)
        if (shades[colours == colour] > 0).any()
    ]
    label = f"Attention map of {' '.join(attention_map.tokens)}, first token to last"
    return _svg(attention_map, number, label, "".join(layers))


def frames(attention_map: AttentionMap, number: int) -> str:
    """One map after the other; `--t` is the position of each for the style sheet."""
    count = len(attention_map.tokens)
    uses = (
        f'<use class="order-{order_of(place, count)}" href="#map{number}-{place}" style="--t:{place}"/>'
        for place in range(count)
    )
    return _svg(
        attention_map, number, "The same, token by token, as an animation", f'<g class="frames">{"".join(uses)}</g>'
    )


def single(attention_map: AttentionMap, number: int, place: int) -> str:
    """The map of one token, with its centre in words for screen readers."""
    y, x = _middle(attention_map.maps[place])
    label = f"Token {place + 1}, {attention_map.tokens[place]}: {x:.0f} % from the left, {y:.0f} % from the top"
    return _svg(
        attention_map,
        number,
        label,
        f'<use class="order-{order_of(place, len(attention_map.tokens))}" href="#map{number}-{place}"/>',
    )


def _svg(attention_map: AttentionMap, number: int, label: str, inner: str) -> str:
    width, height = attention_map.page.width, attention_map.page.height
    head = f'class="heat" viewBox="0 0 {width} {height}" style="--w:{width}" role="img" aria-label="{escape(label)}"'
    return f'<svg {head}><use class="page" href="#page{number}"/>{inner}</svg>'


def _shades(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """Steps 0 to STEPS of the square root of weights (rows, columns), which shows the weak ones beside a strong one."""
    most = float(weights.max(initial=0.0))
    if most <= 0:
        return np.zeros(weights.shape, np.int64)
    shades: NDArray[np.int64] = np.clip(np.sqrt(weights / most) * (STEPS + 2) - 1, 0, STEPS).astype(np.int64)
    return shades


def _paths(shades: NDArray[np.int64], attention_map: AttentionMap) -> str:
    """One path for each shade, of all rectangles that have it."""
    rows, columns = shades.shape
    high, wide = attention_map.page.height / rows, attention_map.page.width / columns
    paths = []
    for shade in range(1, STEPS + 1):
        boxes = [
            f"M{_n(x * wide)} {_n(y * high)}h{_n(wide)}v{_n(high)}h-{_n(wide)}z"
            for y, x in np.argwhere(shades == shade).tolist()
        ]
        if boxes:
            paths.append(f'<path class="shade shade-{shade}" d="{"".join(boxes)}"/>')
    return "".join(paths)


def _middle(weights: NDArray[np.float32]) -> tuple[float, float]:
    """The centre of weights (rows, columns), from the top and from the left, in percent of the image."""
    rows, columns = weights.shape
    total = float(weights.sum()) or 1.0
    down = weights.sum(axis=1) @ ((np.arange(rows) + 0.5) / rows)
    across = weights.sum(axis=0) @ ((np.arange(columns) + 0.5) / columns)
    return 100 * float(down) / total, 100 * float(across) / total


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
