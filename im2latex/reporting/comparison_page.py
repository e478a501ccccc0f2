"""A comparison as one page: scores, parameters, and the formulas that changed most, as both sides read them.

writes  an HTML file that looks like the report and, like it, needs nothing else
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from im2latex.rendering.renderer import Renderer
from im2latex.reporting import gallery
from im2latex.reporting.comparison import Comparison, SamplePair, lower_is_better
from im2latex.reporting.report_model import Example
from im2latex.reporting.runs import plain
from im2latex.reporting.scores import LABELS
from im2latex.reporting.templating import fill

GROUPS = (
    ("Read better by B", "Those that became right come first, then by the fall of the share of wrong tokens."),
    ("Read worse by B", "Those that are right no more come first, then by the rise of the share of wrong tokens."),
)


class Both(NamedTuple):
    """One formula as both sides read it."""

    a: Example
    b: Example


def write_comparison(found: Comparison, scores: Sequence[str], examples: int, renderer: Renderer, out: Path) -> int:
    """Write the page, with at most `examples` formulas each way, and return its bytes."""
    chosen = [side[:examples] for side in (found.better, found.worse)]
    drawn = _draw([one for side in chosen for one in side], found, renderer)
    groups = []
    for (heading, rule), some, everyone in zip(GROUPS, chosen, (found.better, found.worse), strict=True):
        groups.append((heading, rule, len(everyone), [drawn[one.a["formula_id"]] for one in some]))
    values = {
        "found": found,
        "title": f"{found.b.name} against {found.a.name}",
        "scores": [one for one in found.scores if one.name in scores],
        "groups": groups,
        "label": lambda name: LABELS[name][0] if name in LABELS else name,
        "falls": lower_is_better,
    }
    page = fill("comparison.html.j2", {"signed": _signed, "plain": plain}, values)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(page)
    return len(page)


def _signed(value: float) -> str:
    """A change in three decimals, with a true minus."""
    return f"{value:+.3f}".replace("-", "−")


def _draw(pairs: Sequence[SamplePair], found: Comparison, renderer: Renderer) -> dict[str, Both]:
    """The chosen formulas by formula_id, each string typeset once."""
    rows = [row for one in pairs for row in (one.a, one.b)]
    wanted = sorted({row[side] for row in rows for side in ("reference", "hypothesis") if row[side].strip()})
    rendered = dict(zip(wanted, renderer.render(wanted), strict=True)) if wanted else {}
    names = {row["formula_id"] for row in rows}
    inputs = found.a.images(names) | found.b.images(names)
    params = gallery.GalleryParams()
    return {
        one.a["formula_id"]: Both(
            *(gallery.example(row, inputs.get(row["formula_id"]), rendered, params) for row in (one.a, one.b))
        )
        for one in pairs
    }
