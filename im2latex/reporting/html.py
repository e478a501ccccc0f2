"""Write the report as one HTML file without network, script or font files: the same report gives the same bytes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from im2latex.ledger import hints
from im2latex.reporting import svg
from im2latex.reporting.figures import data_uri
from im2latex.reporting.gallery import token_spans
from im2latex.reporting.report_data import Example, ReportContent, RobustnessCondition, StageLedger

MAX_BYTES = 2_000_000
"""Limit of the page size, so that it can be sent by mail and opened on a telephone."""

_MIN_MAPS = 2

_CONTENTS_MARK = "<!-- contents -->"

_ROBUSTNESS_GROUPS = (
    ("Clean", ("clean",)),
    ("Fonts", ("font",)),
    ("Type size", ("size",)),
    ("Resolution", ("dpi",)),
    ("Other programs", ("mathtext", "katex", "mathjax")),
    ("Colors and background", ("white", "grey", "blue", "brown", "low", "transparent")),
    ("Image quality", ("jpeg", "blur", "noise", "rotation", "uneven")),
)
"""Title of each group, and the first words of the names of its conditions."""


def write_page(content: ReportContent, out: Path) -> int:
    """Write the page and return its size in bytes; where it would be too large, examples are left out and counted."""
    page = render_page(content)
    left_out = 0
    while len(page) > MAX_BYTES and (smaller := _smaller(content)):
        content, left_out = smaller, left_out + 1
        page = render_page(content, left_out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(page)
    return len(page)


def render_page(content: ReportContent, left_out: int = 0) -> bytes:
    """The page as UTF-8; `left_out` is the number of images and examples left out for its size."""
    charts_of = {
        "histogram": lambda data: Markup(svg.histogram(data)),
        "curve": lambda data: Markup(svg.curve(data)),
        "by_length": lambda data: Markup(svg.by_length(data)),
        "score_curve": lambda data: Markup(svg.score_curve(data)),
        "hints": lambda ledger: hints(ledger.stage, ledger.seen, ledger.reasons),
        "robustness_groups": robustness_groups,
        "svg": svg,
    }
    values = {"content": content, "left_out": left_out, "breaks": _breaks(content.stages)}
    page = render_template("page.html.j2", {"percent": _percent}, charts_of | values, ("page.css", "parts.css"))
    return _with_contents(page.decode("utf-8")).encode("utf-8")


def _with_contents(page: str) -> str:
    """The page with an anchor at each section, and a list of them at the mark."""
    titles: list[str] = re.findall(r"<h2>(.*?)</h2>", page)
    page = re.sub(r"<h2>(.*?)</h2>", lambda found: f'<h2 id="{_anchor(found[1])}">{found[1]}</h2>', page)
    links = "".join(f'<li><a href="#{_anchor(title)}">{title}</a></li>' for title in titles)
    return page.replace(_CONTENTS_MARK, f'<nav class="contents" aria-label="Contents"><ul>{links}</ul></nav>', 1)


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def robustness_groups(
    conditions: Iterable[RobustnessCondition],
) -> list[tuple[str, list[tuple[str, RobustnessCondition]]]]:
    """Groups of conditions with a title, each condition with its name in words."""
    groups: dict[str, list[tuple[str, RobustnessCondition]]] = {}
    for one in conditions:
        words = one.name.replace("_", "-").split("-")
        title = next((title for title, starts in _ROBUSTNESS_GROUPS if words[0] in starts), "Other")
        groups.setdefault(title, []).append((" ".join(words), one))
    order = [title for title, _ in _ROBUSTNESS_GROUPS] + ["Other"]
    return [(title, groups[title]) for title in order if title in groups]


def _smaller(content: ReportContent) -> ReportContent | None:
    """The content without one attention map; where only few are left, without an example, if there is one."""
    if len(content.attention_maps) > _MIN_MAPS:
        return replace(content, attention_maps=content.attention_maps[:-1])
    return _without_largest(content) if any(gallery.examples for gallery in content.galleries) else None


def _without_largest(content: ReportContent) -> ReportContent:
    """The content without the last example of the group with the most bytes of images."""

    def weight(example: Example) -> int:
        return sum(len(one.png) for one in (example.input, example.prediction, example.difference) if one)

    galleries = list(content.galleries)
    sizes = [sum(map(weight, gallery.examples)) + len(gallery.examples) for gallery in galleries]
    place = sizes.index(max(sizes))
    galleries[place] = replace(galleries[place], examples=galleries[place].examples[:-1])
    return replace(content, galleries=tuple(galleries))


def _breaks(stages: tuple[StageLedger, ...]) -> dict[str, int]:
    """Stages that saw another number of records than the stage before kept, with that number."""
    pairs = pairwise(stages)
    return {after.stage: before.kept for before, after in pairs if after.seen != before.kept}


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}" if whole else "0"


def render_template(
    template: str,
    filters: dict[str, Callable[..., Any]],
    values: dict[str, Any],
    sheets: tuple[str, ...] = ("page.css",),
) -> bytes:
    """Render a template of `templates/` with these style sheets, as UTF-8; the same values give the same bytes."""
    environment = Environment(
        loader=PackageLoader("im2latex.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "data_uri": data_uri, **filters}
    environment.globals |= {"token_spans": token_spans, "outcome": outcome}
    style = Markup("".join(environment.get_template(sheet).render() for sheet in sheets))
    return environment.get_template(template).render(style=style, **values).encode("utf-8")


def outcome(example: Example) -> tuple[str, str]:
    """The outcome of an example in words, and its class: right, wrong or failed."""
    if example.failure:
        return example.failure.replace("_", " "), "failed"
    tokens = f"{example.edits} wrong token{'s' * (example.edits != 1)}" if example.edits else "same string"
    if example.same_image is None:
        return tokens, "wrong" if example.edits else "right"
    return f"{'same image' if example.same_image else 'other image'}, {tokens}", (
        "right" if example.same_image else "wrong"
    )


def number(value: float | None) -> str:
    """A fraction in three decimals."""
    return "–" if value is None else f"{value:.3f}"
