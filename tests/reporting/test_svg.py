import re
from xml.etree import ElementTree

import numpy as np
import pytest

from im2latex.reporting import svg
from im2latex.reporting.report_data import (
    AttentionMap,
    CurveLine,
    Histogram,
    InlineImage,
    LearningCurve,
    LengthChart,
    SubsetScore,
)
from im2latex.reporting.svg import by_length, curve, histogram, nice_ticks

ATTENTION_MAP = AttentionMap(
    "ab" * 16,
    InlineImage(b"png", 40, 20),
    ("<", r"\beta", "}"),
    np.array(
        [[[1, 0, 0, 0], [0, 0, 0, 0]], [[0, 0.2, 0.02, 0], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 1]]], np.float32
    ),
)


def test_a_map_is_drawn_where_the_attention_fell() -> None:
    text = svg.attention_definitions(ATTENTION_MAP, 3)
    assert text.count("<image") == 1
    assert '<g id="map3-0"><path class="shade shade-5" d="M0 0h10v10h-10z"/></g>' in text
    assert '<g id="map3-2"><path class="shade shade-5" d="M30 10h10v10h-10z"/></g>' in text
    second = re.search(r'<g id="map3-1">(.*?)</g>', text)
    assert second is not None
    assert re.findall(r"shade-(\d)\" d=\"M(\d+)", second[1]) == [("1", "20"), ("5", "10")], "relative to its own most"


def test_in_order_each_part_has_the_colour_of_its_token() -> None:
    text = svg.attention_by_order(ATTENTION_MAP, 0)
    groups = re.findall(r'<g class="order-(\d)">(.*?)</g>', text)
    assert [int(colour) for colour, _ in groups] == [svg.order_colour(place, 3) for place in (0, 1, 2)]
    assert "M0 0h" in groups[0][1]
    assert "M10 0h" in groups[1][1]
    assert "M30 10h" in groups[2][1]
    assert 'aria-label="Attention map of &lt; \\beta }, first token to last"' in text


def test_frames_come_one_after_the_other() -> None:
    uses = re.findall(
        r'<use class="order-\d" href="#map5-(\d)" style="--t:(\d)"/>', svg.attention_frames(ATTENTION_MAP, 5)
    )
    assert uses == [("0", "0"), ("1", "1"), ("2", "2")]


def test_a_single_map_has_a_text_description() -> None:
    assert "Token 3, }: 88 % from the left, 75 % from the top" in svg.attention_of_token(ATTENTION_MAP, 0, 2)


def test_a_map_of_nothing_is_empty() -> None:
    blank = AttentionMap("ab", ATTENTION_MAP.page, ("x",), np.zeros((1, 2, 4), np.float32))
    assert '<g id="map0-0"></g>' in svg.attention_definitions(blank, 0)
    assert "0 % from the left" in svg.attention_of_token(blank, 0, 0)


@pytest.mark.parametrize("tokens", [1, 2, 8, 150])
def test_colours_run_from_first_to_last(tokens: int) -> None:
    colours = [svg.order_colour(place, tokens) for place in range(tokens)]
    assert colours == sorted(colours)
    assert colours[0] == 0
    assert max(colours) < svg.ORDERS


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
