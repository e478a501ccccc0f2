"""Output of a comparison of two runs: text for a terminal, JSON, and an HTML page that needs no other file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from im2latex.metrics.registry import label, lower_is_better
from im2latex.rendering.renderer import Renderer
from im2latex.reporting import gallery
from im2latex.reporting.compare import Comparison, SamplePair, ScorePair
from im2latex.reporting.html import render_template
from im2latex.reporting.report_data import Example
from im2latex.reporting.run_data import RunData
from im2latex.reporting.runs import format_value

OUTCOME_STYLES = {"better": "green", "worse": "red"}

GROUPS = (
    ("Better in B", "Those that became correct come first, then by the decrease of the share of wrong tokens."),
    ("Worse in B", "Those that are no longer correct come first, then by the increase of the share of wrong tokens."),
)


def as_text(found: Comparison, scores: Sequence[str], examples: int) -> Group:
    """The comparison for a terminal, with the first `examples` of the formulas that became better and worse."""
    parts: list[Text | Table | Padding] = [Text(f"A  {described(found.a)}\nB  {described(found.b)}\n")]
    parts.append(_scores(one for one in found.scores if one.name in scores))
    parts += [Text(f"\nnote: {sentence}") for sentence in found.notes[:1]]
    parts += [Text(f"note: {sentence}") for sentence in found.notes[1:]]
    if found.params:
        parts += [Text(), _params(found)]
    if found.pairs:
        both, better, worse = len(found.pairs.a), len(found.better), len(found.worse)
        same = both - better - worse
        parts.append(Text(f"\n{both:,} formulas in both: {better:,} better in B, {worse:,} worse, {same:,} equal"))
        for title, pairs in (("better in B", found.better), ("worse in B", found.worse)):
            for place, one in enumerate(pairs[:examples]):
                parts += [Text(f"\n{title}", "bold")] if not place else []
                parts.append(_example(one))
    return Group(*parts)


def described(run: RunData) -> str:
    """The name of a run and the samples it was trained on."""
    return run.name + (f", trained on {run.run.samples:,} samples" if run.run.samples is not None else "")


def _scores(rows: Iterable[ScorePair]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("score")
    for title in ("A (95 %)", "B (95 %)", "B - A (95 %)", "p"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("B is", no_wrap=True)
    for one in rows:
        change = f"{one.change:+.3f}" + (interval(one.test.interval, "+.3f") if one.test else "")
        sides = [
            f"{value:.3f}{interval(bounds)}" for value, bounds in ((one.a, one.a_interval), (one.b, one.b_interval))
        ]
        chance = f"{one.test.p:.3f}" if one.test else ""
        table.add_row(one.name, *sides, change, chance, Text(one.outcome, OUTCOME_STYLES.get(one.outcome, "")))
    return table


def interval(bounds: tuple[float, float] | None, form: str = ".3f") -> str:
    """Bounds in brackets; the empty string without bounds."""
    return f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else ""


def _params(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("parameters that differ", "A", "B"):
        table.add_column(title, overflow="fold")
    for name, values in found.params.items():
        table.add_row(name, *("" if value is None else format_value(value) for value in values))
    return table


def _example(one: SamplePair) -> Padding:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("formula", one.a["formula_id"][:12])
    for title, text in (("reference", one.b["reference"]), ("A", one.a["hypothesis"]), ("B", one.b["hypothesis"])):
        table.add_row(title, Text(text) if text else Text("empty", "dim"))
    return Padding(table, (0, 0, 1, 2), expand=False)


def as_json(found: Comparison, examples: int) -> dict[str, Any]:
    """All scores, the counts of samples, and the first `examples` of those that became better and worse."""
    return {
        "a": found.a.name,
        "b": found.b.name,
        "trained_on": [found.a.run.samples, found.b.run.samples],
        "paired": found.pairs is not None,
        "n": len(found.pairs.a) if found.pairs else None,
        "scores": {one.name: _score_json(one) for one in found.scores},
        "params": {name: list(values) for name, values in found.params.items()},
        "samples": _samples_json(found) if found.pairs else None,
        "better": [_example_json(one) for one in found.better[:examples]],
        "worse": [_example_json(one) for one in found.worse[:examples]],
        "notes": list(found.notes),
    }


def _score_json(one: ScorePair) -> dict[str, Any]:
    values: dict[str, Any] = {"a": one.a, "b": one.b, "change": round(one.change, 6)}
    values |= {"a_interval": one.a_interval, "b_interval": one.b_interval}
    if one.test:
        values |= {"interval": one.test.interval, "p": one.test.p, "p_worse": one.test.p_worse}
    return values | {"outcome": one.outcome}


def _samples_json(found: Comparison) -> dict[str, Any]:
    assert found.pairs
    same = len(found.pairs.a) - len(found.better) - len(found.worse)
    counts = {"both": len(found.pairs.a), "better": len(found.better), "worse": len(found.worse), "same": same}
    return counts | {
        "only_a": list(found.pairs.only_a),
        "only_b": list(found.pairs.only_b),
        "other_reference": list(found.pairs.other_reference),
    }


def _example_json(one: SamplePair) -> dict[str, Any]:
    return {
        "formula_id": one.a["formula_id"],
        "reference": one.a["reference"],
        "a": one.a["hypothesis"],
        "b": one.b["hypothesis"],
        "gain": round(one.gain, 6),
    }


class ExamplePair(NamedTuple):
    """One formula as both runs predicted it."""

    a: Example
    b: Example


def write_page(found: Comparison, scores: Sequence[str], examples: int, renderer: Renderer, out: Path) -> int:
    """Write the page, with at most `examples` formulas in each group, and return its size in bytes."""
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
        "label": label,
        "described": described,
        "lower_is_better": lower_is_better,
    }
    page = render_template("comparison.html.j2", {"signed": _signed, "format_value": format_value}, values)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(page)
    return len(page)


def _signed(value: float) -> str:
    """A change in three decimals, with a minus sign."""
    return f"{value:+.3f}".replace("-", "−")


def _draw(pairs: Sequence[SamplePair], found: Comparison, renderer: Renderer) -> dict[str, ExamplePair]:
    """The selected formulas by formula_id, each string typeset once."""
    rows = [row for one in pairs for row in (one.a, one.b)]
    wanted = sorted({row[side] for row in rows for side in ("reference", "hypothesis") if row[side].strip()})
    rendered = dict(zip(wanted, renderer.render(wanted), strict=True)) if wanted else {}
    names = {row["formula_id"] for row in rows}
    inputs = found.a.images(names) | found.b.images(names)
    params = gallery.GalleryParams()
    return {
        one.a["formula_id"]: ExamplePair(
            *(gallery.example(row, inputs.get(row["formula_id"]), rendered, params) for row in (one.a, one.b))
        )
        for one in pairs
    }
