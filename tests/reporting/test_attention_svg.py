import re

import numpy as np
import pytest

from im2latex.reporting import attention_svg
from im2latex.reporting.report_model import AttentionMap, InlineImage

ATTENTION_MAP = AttentionMap(
    "ab" * 16,
    InlineImage(b"png", 40, 20),
    ("<", r"\beta", "}"),
    np.array(
        [[[1, 0, 0, 0], [0, 0, 0, 0]], [[0, 0.2, 0.02, 0], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 1]]], np.float32
    ),
)


def test_a_map_is_drawn_where_the_attention_fell() -> None:
    text = attention_svg.definitions(ATTENTION_MAP, 3)
    assert text.count("<image") == 1
    assert '<g id="map3-0"><path class="shade shade-5" d="M0 0h10v10h-10z"/></g>' in text
    assert '<g id="map3-2"><path class="shade shade-5" d="M30 10h10v10h-10z"/></g>' in text
    second = re.search(r'<g id="map3-1">(.*?)</g>', text)
    assert second is not None
    assert re.findall(r"shade-(\d)\" d=\"M(\d+)", second[1]) == [("1", "20"), ("5", "10")], "relative to its own most"


def test_in_order_each_part_has_the_colour_of_its_token() -> None:
    text = attention_svg.in_order(ATTENTION_MAP, 0)
    groups = re.findall(r'<g class="order-(\d)">(.*?)</g>', text)
    assert [int(colour) for colour, _ in groups] == [attention_svg.order_of(place, 3) for place in (0, 1, 2)]
    assert "M0 0h" in groups[0][1]
    assert "M10 0h" in groups[1][1]
    assert "M30 10h" in groups[2][1]
    assert 'aria-label="Attention map of &lt; \\beta }, first token to last"' in text


def test_frames_come_one_after_the_other() -> None:
    uses = re.findall(
        r'<use class="order-\d" href="#map5-(\d)" style="--t:(\d)"/>', attention_svg.frames(ATTENTION_MAP, 5)
    )
    assert uses == [("0", "0"), ("1", "1"), ("2", "2")]


def test_a_single_map_is_told_in_words() -> None:
    assert "Token 3, }: 88 % from the left, 75 % from the top" in attention_svg.single(ATTENTION_MAP, 0, 2)


def test_a_map_of_nothing_is_empty() -> None:
    blank = AttentionMap("ab", ATTENTION_MAP.page, ("x",), np.zeros((1, 2, 4), np.float32))
    assert '<g id="map0-0"></g>' in attention_svg.definitions(blank, 0)
    assert "0 % from the left" in attention_svg.single(blank, 0, 0)


@pytest.mark.parametrize("tokens", [1, 2, 8, 150])
def test_colours_run_from_first_to_last(tokens: int) -> None:
    colours = [attention_svg.order_of(place, tokens) for place in range(tokens)]
    assert colours == sorted(colours)
    assert colours[0] == 0
    assert max(colours) < attention_svg.ORDERS
