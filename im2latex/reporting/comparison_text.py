"""A comparison on a terminal: scores, parameters and the formulas that changed most."""

from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from im2latex.reporting.comparison import Comparison, SamplePair, ScorePair
from im2latex.reporting.runs import plain

STYLES = {"better": "green", "worse": "red"}


def as_text(found: Comparison, scores: Sequence[str], examples: int) -> Group:
    """Everything that is shown, with the first `examples` of the formulas that changed, each way."""
    parts: list[Text | Table | Padding] = [Text(f"A  {found.a.name}\nB  {found.b.name}\n")]
    parts.append(_scores(one for one in found.scores if one.name in scores))
    parts += [Text(f"\nnote: {sentence}") for sentence in found.notes[:1]]
    parts += [Text(f"note: {sentence}") for sentence in found.notes[1:]]
    if found.params:
        parts += [Text(), _params(found)]
    if found.pairs:
        both, better, worse = len(found.pairs.a), len(found.better), len(found.worse)
        same = both - better - worse
        parts.append(Text(f"\n{both:,} formulas in both: {better:,} better in B, {worse:,} worse, {same:,} as before"))
        for title, chosen in (("read better by B", found.better), ("read worse by B", found.worse)):
            for place, one in enumerate(chosen[:examples]):
                parts += [Text(f"\n{title}", "bold")] if not place else []
                parts.append(_example(one))
    return Group(*parts)


def _scores(rows: Iterable[ScorePair]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("score")
    for title in ("A (95 %)", "B (95 %)", "B - A (95 %)", "p"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("B is", no_wrap=True)
    for one in rows:
        change = f"{one.change:+.3f}" + (interval(one.contrast.interval, "+.3f") if one.contrast else "")
        sides = [
            f"{value:.3f}{interval(bounds)}" for value, bounds in ((one.a, one.a_interval), (one.b, one.b_interval))
        ]
        chance = f"{one.contrast.p:.3f}" if one.contrast else ""
        table.add_row(one.name, *sides, change, chance, Text(one.verdict, STYLES.get(one.verdict, "")))
    return table


def interval(bounds: tuple[float, float] | None, form: str = ".3f") -> str:
    """Bounds in brackets; nothing where there are none."""
    return f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else ""


def _params(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("parameters that differ", "A", "B"):
        table.add_column(title, overflow="fold")
    for name, values in found.params.items():
        table.add_row(name, *("" if value is None else plain(value) for value in values))
    return table


def _example(one: SamplePair) -> Padding:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("formula", one.a["formula_id"][:12])
    for title, text in (("reference", one.b["reference"]), ("A", one.a["hypothesis"]), ("B", one.b["hypothesis"])):
        table.add_row(title, Text(text) if text else Text("nothing", "dim"))
    return Padding(table, (0, 0, 1, 2), expand=False)
