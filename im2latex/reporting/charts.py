"""Small charts as inline SVG, drawn by hand: they take the page's colours, in light and in dark, and the same numbers
give the same bytes.

Every chart is drawn on 440 x 220 units, so that its words stay readable on a telephone.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape

from im2latex.reporting.content import ByLength, Curve, Histogram

WIDTH, HEIGHT = 440, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 34
INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


def histogram(data: Histogram) -> str:
    """Bars over classes of equal width."""
    most = max(data.counts, default=0)
    ticks = nice_ticks(0, most or 1, 3)
    y = _Scale(0, max(most, ticks[-1]), TOP + INNER_HEIGHT, TOP)
    x = _Scale(0, len(data.counts), LEFT, LEFT + INNER_WIDTH)
    bars = []
    for place, count in enumerate(data.counts):
        low, high = data.edges[place], data.edges[place + 1]
        box = _box(x(place) + 0.5, y(count), x(place + 1) - x(place) - 1, y(0) - y(count))
        bars.append(f'<rect class="bar" {box}><title>{low:g} to {high:g} {data.unit}: {count:,}</title></rect>')
    every = max(1, math.ceil(len(data.edges) / 6))
    labels = [_text(x(place), y(0) + 16, f"{data.edges[place]:g}") for place in range(0, len(data.edges), every)]
    return _svg(f"{data.title}, in {data.unit}", [*_grid(y, ticks), *bars, *labels, _axis_title(data.unit)])


def curve(data: Curve) -> str:
    """Lines with their names at the end."""
    points = [point for line in data.lines for point in line.points]
    ys = [value for _, value in points]
    ticks = nice_ticks(min(0.0, *ys), max(ys), 4)
    y = _Scale(min(ticks[0], *ys), max(ticks[-1], *ys), TOP + INNER_HEIGHT, TOP)
    x = _Scale(0, max(place for place, _ in points) or 1, LEFT, LEFT + INNER_WIDTH)
    paths, names = [], []
    for number, line in enumerate(data.lines):
        path = " ".join(f"{_n(x(place))},{_n(y(value))}" for place, value in line.points)
        paths.append(
            f'<polyline class="line line-{number}" points="{path}"><title>{escape(line.name)}</title></polyline>'
        )
        names.append((y(line.points[-1][1]), number, line.name))
    marks = [_text(x(tick), y.start + 16, _short(tick)) for tick in nice_ticks(0, x.high, 4)]
    return _svg(data.title, [*_grid(y, ticks), *paths, *_names(names), *marks, _axis_title("training samples")])


def by_length(data: ByLength) -> str:
    """A dot for each class with its interval as a whisker, and the number of samples below."""
    y = _Scale(0, 1, TOP + INNER_HEIGHT - 14, TOP)
    step = INNER_WIDTH / len(data.classes)
    marks = []
    for place, one in enumerate(data.classes):
        middle = LEFT + step * (place + 0.5)
        low, high = one.interval
        title = f"{one.name} tokens: {one.value:.3f}, 95 % interval {low:.3f} to {high:.3f}, {one.samples:,} samples"
        marks += [
            f'<g><title>{title}</title><path class="whisker" d="M{_n(middle)} {_n(y(low))}V{_n(y(high))}"/>'
            f'<circle class="dot" cx="{_n(middle)}" cy="{_n(y(one.value))}" r="4"/></g>',
            _text(middle, y.start + 16, one.name.replace("-", "–")),
            _text(middle, y.start + 29, f"{one.samples:,}", "faint"),
        ]
    return _svg(f"{data.label} by length", [*_grid(y, (0, 0.25, 0.5, 0.75, 1)), *marks, _axis_title("tokens, samples")])


def nice_ticks(low: float, high: float, wanted: int) -> tuple[float, ...]:
    """Round numbers inside low..high, about as many as wanted, in steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= wanted)
    return tuple(round(step * k, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1))


class _Scale:
    """A straight map from data to drawing units."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (self.end - self.start)


def _svg(label: str, parts: Iterable[str]) -> str:
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{body}</svg>'


def _grid(y: _Scale, ticks: Sequence[float]) -> list[str]:
    lines = []
    for tick in ticks:
        lines.append(f'<path class="grid" d="M{LEFT} {_n(y(tick))}H{WIDTH - RIGHT}"/>')
        lines.append(_text(LEFT - 8, y(tick) + 4, _short(tick), "end"))
    return lines


def _names(names: list[tuple[float, int, str]]) -> list[str]:
    """Names of lines, pushed apart where lines end close together."""
    placed: list[str] = []
    lowest = -math.inf
    for height, number, name in sorted(names):
        lowest = max(height - 6, lowest + 14, TOP + 4)
        placed.append(_text(WIDTH - RIGHT, lowest, name, f"end name line-{number}"))
    return placed


def _axis_title(text: str) -> str:
    return _text(WIDTH - RIGHT, HEIGHT - 3, text, "end faint")


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float) -> str:
    return f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _short(value: float) -> str:
    """A tick's number in few characters: 12k, 1.5M, 0.25."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
