"""Small charts as inline SVG in the colours of the page, light or dark; the same numbers give the same bytes.

The drawing area has few units, so that words stay readable where a telephone shrinks it.
"""

import math
from collections.abc import Iterable
from html import escape

from im2latex.reporting.report_model import Histogram, LearningCurve, LengthChart

LEFT, RIGHT, TOP, BOTTOM = 44, 12, 22, 34
"""Margins around the drawn area, in drawing units."""

HEIGHT = 220
WIDE, NARROW = 440, 300


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


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _short(value: float) -> str:
    """A tick's number in few characters: 12k, 1.5M, 0.25."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
