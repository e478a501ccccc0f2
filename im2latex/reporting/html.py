"""Write the report as one HTML file that needs nothing else: no network, no script, no font.

The same content gives the same bytes. Knows nothing of where the content came from.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup

from im2latex.reporting import attention_svg, charts
from im2latex.reporting.report_model import Example, PageContent, StageCount
from im2latex.reporting.templating import fill

MAX_BYTES = 2_000_000
"""A page that is sent by mail and opened on a telephone."""

_MAPS_KEPT = 2


def write_page(content: PageContent, out: Path) -> int:
    """Write the page and return its bytes; where it would be too large, some examples go, and it says so."""
    page = render_page(content)
    left_out = 0
    while len(page) > MAX_BYTES and (smaller := _smaller(content)):
        content, left_out = smaller, left_out + 1
        page = render_page(content, left_out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(page)
    return len(page)


def render_page(content: PageContent, left_out: int = 0) -> bytes:
    """The page as UTF-8; `left_out` images and examples were taken away for its size."""
    charts_of = {
        "histogram": lambda data: Markup(charts.histogram(data)),
        "curve": lambda data: Markup(charts.curve(data)),
        "by_length": lambda data: Markup(charts.by_length(data)),
        "heat": attention_svg,
    }
    values = {"content": content, "left_out": left_out, "breaks": _breaks(content.stages)}
    return fill("page.html.j2", {"percent": _percent}, charts_of | values, ("page.css", "parts.css"))


def _smaller(content: PageContent) -> PageContent | None:
    """Without one of many images that show attention; else without an example, if there is one left."""
    if len(content.attention_maps) > _MAPS_KEPT:
        return replace(content, attention_maps=content.attention_maps[:-1])
    return _without_largest(content) if any(gallery.examples for gallery in content.galleries) else None


def _without_largest(content: PageContent) -> PageContent:
    """Drop the last example of the group with the most bytes of images."""

    def weight(example: Example) -> int:
        return sum(len(one.png) for one in (example.input, example.prediction, example.difference) if one)

    galleries = list(content.galleries)
    sizes = [sum(map(weight, gallery.examples)) + len(gallery.examples) for gallery in galleries]
    place = sizes.index(max(sizes))
    galleries[place] = replace(galleries[place], examples=galleries[place].examples[:-1])
    return replace(content, galleries=tuple(galleries))


def _breaks(stages: tuple[StageCount, ...]) -> dict[str, int]:
    """Stages that saw another number of records than the one before kept, with that number."""
    pairs = pairwise(stages)
    return {after.stage: before.kept for before, after in pairs if after.seen != before.kept}


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}" if whole else "0"
