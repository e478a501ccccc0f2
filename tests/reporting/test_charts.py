import re
from xml.etree import ElementTree

import pytest

from im2latex.reporting.charts import by_length, curve, histogram, nice_ticks
from im2latex.reporting.report_model import CurveLine, Histogram, LearningCurve, LengthChart, SubsetScore


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1.0)), (0, 4.2, (0, 1, 2, 3, 4)), (3, 97, (20, 40, 60, 80)), (5, 5, (5,))],
)
def test_nice_ticks_are_round_and_inside(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert nice_ticks(low, high, 4) == ticks


def test_bars_are_as_high_as_their_counts() -> None:
    svg = histogram(Histogram("Width", "px", (0, 10, 20, 30), (1, 4, 0)))
    heights = [float(bar.attrib["height"]) for bar in ElementTree.fromstring(svg) if bar.tag == "rect"]
    assert heights[1] == pytest.approx(4 * heights[0], abs=0.2)
    assert heights[2] == 0
    assert "10 to 20 px: 4" in svg


def test_a_histogram_of_nothing_is_drawn() -> None:
    ElementTree.fromstring(histogram(Histogram("Width", "px", (0, 1), (0,))))


def test_curves_fall_where_values_fall_and_names_are_escaped() -> None:
    svg = curve(
        LearningCurve(
            "Loss", (CurveLine("a<b", ((100, 4.0), (200, 2.0), (300, 1.0))), CurveLine("other", ((100, 3.0),)))
        )
    )
    assert "a&lt;b" in svg
    points = re.search(r'line-0" points="([^"]+)"', svg)
    assert points
    x, y = zip(*(map(float, pair.split(",")) for pair in points[1].split()), strict=True)
    assert list(x) == sorted(x)
    assert list(y) == sorted(y), "SVG counts downwards"


def test_whiskers_span_the_interval() -> None:
    svg = by_length(LengthChart("Same image", (SubsetScore("0-20", 1234, 0.5, (0.25, 0.75)),)))
    whisker = re.search(r'd="M\S+ (\S+)V(\S+)"', svg)
    dot = re.search(r'cy="(\S+)"', svg)
    assert whisker
    assert dot
    low, high, middle = float(whisker[1]), float(whisker[2]), float(dot[1])
    assert low > middle > high
    assert middle == pytest.approx((low + high) / 2, abs=0.2)
    assert "1,234" in svg


def test_charts_repeat_to_the_byte() -> None:
    data = Histogram("Width", "px", (0, 1 / 3, 2 / 3), (1, 2))
    assert histogram(data) == histogram(data)
