"""Inline SVG of the report: charts, and attention maps over the image, in the colours of the page, light or dark.

The same numbers give the same bytes. The drawing area of a chart has few units, so that words stay readable where a
telephone shrinks it.

An `AttentionMap` is drawn three times from the same elements: all tokens at once, coloured by their order; one after
the other, for an animation without a script; and side by side. A cell of the image is darker the more attention it
has, in steps and relative to the maximum, so that the drawing stays small.
"""

import math
from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import NDArray

from im2latex.reporting.figures import data_uri
from im2latex.reporting.report_data import AttentionMap, Histogram, LearningCurve, LengthChart, ScoreCurve

LEFT, RIGHT, TOP, BOTTOM = 44, 12, 22, 34
"""Margins around the drawn area, in drawing units."""

HEIGHT = 220
WIDE, NARROW = 440, 300

SHADES = 5
"""Shades of attention; cells lighter than the lightest are not drawn."""

ORDERS = 8
"""Colours from the first token to the last."""


def histogram(data: Histogram) -> str:
    """Bars over classes of equal width."""
    chart = _Chart(NARROW, (data.edges[0], data.edges[-1]), (0, max(data.counts) or 1))
    bars = []
    for low, high, count in zip(data.edges, data.edges[1:], data.counts, strict=False):
        left, right, top = chart.x(low) + 0.5, chart.x(high) - 0.5, chart.y(count)
        box = f'x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(chart.bottom - top)}"'
        bars.append(f'<rect class="bar" {box}><title>{low:g} to {high:g} {data.unit}: {count:,}</title></rect>')
    return chart.svg(f"{data.title}, in {data.unit}", data.unit, [*bars, *chart.x_labels(4)], 3)


def curve(data: LearningCurve) -> str:
    """Lines, with a legend above in the same colours."""
    points = [point for line in data.lines for point in line.points]
    heights = [height for _, height in points]
    chart = _Chart(WIDE, (0, max(place for place, _ in points) or 1), (min(0.0, *heights), max(heights) or 1))
    parts, names = [], []
    for number, line in enumerate(data.lines):
        path = " ".join(f"{_n(chart.x(place))},{_n(chart.y(height))}" for place, height in line.points)
        parts.append(f'<polyline class="line line-{number}" points="{path}"/>')
        gap = ' dx="12"' if number else ""
        names.append(f'<tspan class="line-{number}"{gap}>{escape(line.name)}</tspan>')
    legend = f'<text class="end name" x="{WIDE - RIGHT}" y="8">{"".join(names)}</text>'
    return chart.svg(data.title, "training samples", [*parts, legend, *chart.x_labels(4)], 4)


def by_length(data: LengthChart) -> str:
    """A dot for each class of length, its interval as a whisker, and the number of samples below."""
    chart = _Chart(WIDE, (0, len(data.classes)), (0, 1), lines_below=2)
    marks = []
    for place, one in enumerate(data.classes):
        middle, (low, high) = chart.x(place + 0.5), one.interval
        title = f"{one.name} tokens: {one.value:.3f}, 95 % interval {low:.3f} to {high:.3f}, {one.samples:,} samples"
        whisker = f'<path class="whisker" d="M{_n(middle)} {_n(chart.y(low))}V{_n(chart.y(high))}"/>'
        dot = f'<circle class="dot" cx="{_n(middle)}" cy="{_n(chart.y(one.value))}" r="4"/>'
        marks += [
            f"<g><title>{title}</title>{whisker}{dot}</g>",
            _text(middle, chart.bottom + 16, one.name.replace("-", "–")),
            _text(middle, chart.bottom + 29, f"{one.samples:,}", "faint"),
        ]
    return chart.svg(f"{data.label} by length", "tokens, samples", marks, 4)


def score_curve(data: ScoreCurve) -> str:
    """A line through the classes and a band of their intervals; for a probability also the diagonal."""
    is_probability = data.calibration_error is not None
    last = 1.0 if is_probability else max(point.x for point in data.points)
    chart = _Chart(WIDE, (0, last or 1), (0, 1))
    upper = [f"{_n(chart.x(one.x))},{_n(chart.y(one.interval[1]))}" for one in data.points]
    lower = [f"{_n(chart.x(one.x))},{_n(chart.y(one.interval[0]))}" for one in reversed(data.points)]
    line = " ".join(f"{_n(chart.x(one.x))},{_n(chart.y(one.value))}" for one in data.points)
    parts = [f'<polygon class="band" points="{" ".join(upper + lower)}"/>']
    if is_probability:
        ends = f"{_n(chart.x(0))},{_n(chart.y(0))} {_n(chart.x(1))},{_n(chart.y(1))}"
        parts.append(f'<polyline class="line line-3" points="{ends}"/>')
    parts.append(f'<polyline class="line line-0" points="{line}"/>')
    for one in data.points:
        low, high = one.interval
        title = f"{one.x:.3g}: {one.value:.3f}, 95 % interval {low:.3f} to {high:.3f}, {one.samples:,} samples"
        dot = f'<circle class="dot" cx="{_n(chart.x(one.x))}" cy="{_n(chart.y(one.value))}" r="3"/>'
        parts.append(f"<g><title>{title}</title>{dot}</g>")
    return chart.svg(data.title, data.axis, [*parts, *chart.x_labels(5)], 4)


class _Chart:
    """The drawing area and its two linear scales, from data to drawing units."""

    def __init__(self, width: int, across: tuple[float, float], up: tuple[float, float], lines_below: int = 1) -> None:
        self._width, self._across, self._up = width, across, up
        self.bottom = HEIGHT - BOTTOM - 13 * (lines_below - 1)

    def x(self, value: float) -> float:
        low, high = self._across
        return LEFT + (value - low) / (high - low) * (self._width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self._up
        return self.bottom - (value - low) / (high - low) * (self.bottom - TOP)

    def x_labels(self, wanted: int) -> list[str]:
        """Round numbers below the axis."""
        return [_text(self.x(tick), self.bottom + 16, _short(tick)) for tick in nice_ticks(*self._across, wanted)]

    def svg(self, label: str, axis: str, parts: Iterable[str], ticks: int) -> str:
        """The whole drawing: grid and tick labels, then the parts, then the title of the axis."""
        grid = []
        for tick in nice_ticks(*self._up, ticks):
            grid.append(f'<path class="grid" d="M{LEFT} {_n(self.y(tick))}H{self._width - RIGHT}"/>')
            grid.append(_text(LEFT - 8, self.y(tick) + 4, _short(tick), "end"))
        below = _text(self._width - RIGHT, HEIGHT - 3, axis, "end faint")
        start = f'<svg viewBox="0 0 {self._width} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        return "".join([start, *grid, *parts, below, "</svg>"])


def nice_ticks(low: float, high: float, wanted: int) -> tuple[float, ...]:
    """Round numbers inside low..high, about as many as wanted, in steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= wanted + 1)
    return tuple(round(step * k, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1))


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{escape(text)}</text>'


def _short(value: float) -> str:
    """A tick's number in few characters: 12k, 1.5M, 0.25."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def order_colour(place: int, tokens: int) -> int:
    """The colour of a token, 0 to ORDERS - 1."""
    return place * ORDERS // max(1, tokens)


def attention_definitions(attention_map: AttentionMap, number: int) -> str:
    """The image and a map for each token, which the drawings of attention map `number` refer to."""
    size = f'width="{attention_map.page.width}" height="{attention_map.page.height}"'
    image = f'<image id="page{number}" href="{data_uri(attention_map.page.png)}" {size}/>'
    maps = (
        f'<g id="map{number}-{place}">{_paths(_shades(one), attention_map)}</g>'
        for place, one in enumerate(attention_map.maps)
    )
    return f'<svg class="parts-only" width="0" height="0" aria-hidden="true"><defs>{image}{"".join(maps)}</defs></svg>'


def attention_by_order(attention_map: AttentionMap, number: int) -> str:
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
    return _attention_svg(attention_map, number, label, "".join(layers))


def attention_frames(attention_map: AttentionMap, number: int) -> str:
    """One map after the other; `--t` is the position of each for the style sheet."""
    count = len(attention_map.tokens)
    uses = (
        f'<use class="order-{order_colour(place, count)}" href="#map{number}-{place}" style="--t:{place}"/>'
        for place in range(count)
    )
    return _attention_svg(
        attention_map, number, "The same, token by token, as an animation", f'<g class="frames">{"".join(uses)}</g>'
    )


def attention_of_token(attention_map: AttentionMap, number: int, place: int) -> str:
    """The map of one token, with its centre in words for screen readers."""
    y, x = _centre(attention_map.maps[place])
    label = f"Token {place + 1}, {attention_map.tokens[place]}: {x:.0f} % from the left, {y:.0f} % from the top"
    return _attention_svg(
        attention_map,
        number,
        label,
        f'<use class="order-{order_colour(place, len(attention_map.tokens))}" href="#map{number}-{place}"/>',
    )


def _attention_svg(attention_map: AttentionMap, number: int, label: str, inner: str) -> str:
    width, height = attention_map.page.width, attention_map.page.height
    head = f'class="heat" viewBox="0 0 {width} {height}" style="--w:{width}" role="img" aria-label="{escape(label)}"'
    return f'<svg {head}><use class="page" href="#page{number}"/>{inner}</svg>'


def _shades(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """Steps 0 to SHADES of the square root of weights (rows, columns), so that weak ones show beside a strong one."""
    most = float(weights.max(initial=0.0))
    if most <= 0:
        return np.zeros(weights.shape, np.int64)
    shades: NDArray[np.int64] = np.clip(np.sqrt(weights / most) * (SHADES + 2) - 1, 0, SHADES).astype(np.int64)
    return shades


def _paths(shades: NDArray[np.int64], attention_map: AttentionMap) -> str:
    """One path for each shade, of all rectangles that have it."""
    rows, columns = shades.shape
    high, wide = attention_map.page.height / rows, attention_map.page.width / columns
    paths = []
    for shade in range(1, SHADES + 1):
        boxes = [
            f"M{_n(x * wide)} {_n(y * high)}h{_n(wide)}v{_n(high)}h-{_n(wide)}z"
            for y, x in np.argwhere(shades == shade).tolist()
        ]
        if boxes:
            paths.append(f'<path class="shade shade-{shade}" d="{"".join(boxes)}"/>')
    return "".join(paths)


def _centre(weights: NDArray[np.float32]) -> tuple[float, float]:
    """The centre of weights (rows, columns), from the top and from the left, in percent of the image."""
    rows, columns = weights.shape
    total = float(weights.sum()) or 1.0
    down = weights.sum(axis=1) @ ((np.arange(rows) + 0.5) / rows)
    across = weights.sum(axis=0) @ ((np.arange(columns) + 0.5) / columns)
    return 100 * float(down) / total, 100 * float(across) / total
