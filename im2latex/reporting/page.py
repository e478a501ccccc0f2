"""Write the report as one HTML file that needs nothing else: no network, no script, no font.

The same content gives the same bytes. Knows nothing of where the content came from.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from im2latex.reporting import charts, heat
from im2latex.reporting.content import Example, PageContent, StageCount
from im2latex.reporting.difference import token_runs
from im2latex.reporting.pictures import data_uri

MAX_BYTES = 2_000_000
"""A page that is sent by mail and opened on a telephone."""

_LOOKS_KEPT = 2


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
    """The page as UTF-8; `left_out` pictures and examples were taken away for its size."""
    environment = Environment(
        loader=PackageLoader("im2latex.reporting", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "data_uri": data_uri, "percent": _percent}
    environment.globals |= {
        "histogram": lambda data: Markup(charts.histogram(data)),
        "curve": lambda data: Markup(charts.curve(data)),
        "by_length": lambda data: Markup(charts.by_length(data)),
        "heat": heat,
        "token_runs": token_runs,
        "verdict": _verdict,
        "breaks": _breaks(content.stages),
    }
    style = Markup("".join(environment.get_template(name).render() for name in ("page.css", "parts.css")))
    text = environment.get_template("page.html.j2").render(content=content, style=style, left_out=left_out)
    return text.encode("utf-8")


def _smaller(content: PageContent) -> PageContent | None:
    """Without one of many pictures that show attention; else without an example, if there is one left."""
    if len(content.looks) > _LOOKS_KEPT:
        return replace(content, looks=content.looks[:-1])
    return _without_largest(content) if any(gallery.examples for gallery in content.galleries) else None


def _without_largest(content: PageContent) -> PageContent:
    """Drop the last example of the group with the most bytes of pictures."""

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


def _verdict(example: Example) -> tuple[str, str]:
    """What became of an example in words, and its kind: right, wrong or failed."""
    if example.failure:
        return example.failure.replace("_", " "), "failed"
    tokens = f"{example.edits} wrong token{'s' * (example.edits != 1)}" if example.edits else "same string"
    if example.same_picture is None:
        return tokens, "wrong" if example.edits else "right"
    return f"{'same picture' if example.same_picture else 'other picture'}, {tokens}", (
        "right" if example.same_picture else "wrong"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}" if whole else "0"
