"""Comparison of two runs: their scores, the significance of each difference, and the samples that changed.

Written as text for a terminal, as JSON, and as an HTML page that needs no other file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from im2latex.errors import UsageError
from im2latex.metrics.registry import in_order, label, lower_is_better
from im2latex.metrics.significance import PairedTest, RowPairs, pair_rows, paired_bootstrap
from im2latex.rendering.renderer import Renderer
from im2latex.reporting import gallery
from im2latex.reporting.html import render_template
from im2latex.reporting.report_model import Example
from im2latex.reporting.run_data import RunData
from im2latex.reporting.runs import differing_params, format_value

Interval = tuple[float, float]

NAMED = 5
"""Formulas that are named in a sentence about samples in only one run; JSON names all."""

OUTCOME_STYLES = {"better": "green", "worse": "red"}

GROUPS = (
    ("Better in B", "Those that became correct come first, then by the decrease of the share of wrong tokens."),
    ("Worse in B", "Those that are no longer correct come first, then by the increase of the share of wrong tokens."),
)


@dataclass(frozen=True)
class ScorePair:
    """One score of both runs. `test` is None where the runs have no samples in common."""

    name: str
    a: float
    b: float
    a_interval: Interval | None
    b_interval: Interval | None
    test: PairedTest | None = None

    @property
    def change(self) -> float:
        """B - A."""
        return self.b - self.a

    @property
    def outcome(self) -> str:
        """Outcome of B against A: "better", "worse", "equal", "not significant" or "no interval".

        The last means that a run has no interval and the two have no samples in common.
        """
        if self.a == self.b:
            return "equal"
        if self.test:
            significant = self.test.significant
        elif self.a_interval and self.b_interval:
            significant = self.a_interval[1] < self.b_interval[0] or self.b_interval[1] < self.a_interval[0]
        else:
            return "no interval"
        if not significant:
            return "not significant"
        return "better" if (self.b < self.a) == lower_is_better(self.name) else "worse"


@dataclass(frozen=True)
class SamplePair:
    """One formula as both runs predicted it (rows of `schemas.SCORES`). `gain` is above 0 where B is better."""

    a: gallery.ScoredRow
    b: gallery.ScoredRow
    gain: float


@dataclass(frozen=True)
class Comparison:
    """A and B. `pairs` is None where a run has no samples; `notes` are sentences about what the numbers rest on."""

    a: RunData
    b: RunData
    scores: tuple[ScorePair, ...]
    pairs: RowPairs | None
    better: tuple[SamplePair, ...]
    worse: tuple[SamplePair, ...]
    notes: tuple[str, ...]

    @property
    def params(self) -> dict[str, tuple[Any, Any]]:
        """The parameters that differ, with both values; None where a run does not have one."""
        names = differing_params([self.a.run, self.b.run])
        return {name: (self.a.run.params.get(name), self.b.run.params.get(name)) for name in names}


def compare(a: RunData, b: RunData, resamples: int, seed: int) -> Comparison:
    """Compare by common samples, or, where a run has none, by published scores and their intervals.

    Raises `UsageError` where the runs have no score in common.
    """
    notes = [note for run in (a, b) for note in (run.missing_samples, run.inconsistency, run.budget_note) if note]
    if a.dataset != b.dataset and a.dataset and b.dataset:
        notes.append(f"the data sets differ: {a.dataset[:12]} in A, {b.dataset[:12]} in B")
    if a.samples is None or b.samples is None:
        if not a.run.scores.keys() & b.run.scores.keys():
            raise UsageError(f"{a.name} and {b.name} have no score in common: one was evaluated, one only validated")
        notes.append("compared by published scores and their intervals, which is weaker than by common samples")
        return Comparison(a, b, published_scores(a, b), None, (), (), tuple(notes))
    pairs = pair_rows(a.samples.rows, b.samples.rows)
    scores = paired_scores(a, b, pairs, resamples, seed)
    changed = sorted(_sample_pairs(a, b, pairs), key=lambda one: (-abs(one.gain), -_length(one), one.a["formula_id"]))
    better, worse = (tuple(one for one in changed if sign * one.gain > 0) for sign in (1, -1))
    return Comparison(a, b, scores, pairs, better, worse, (*notes, *sample_differences(pairs)))


def paired_scores(a: RunData, b: RunData, pairs: RowPairs, resamples: int, seed: int) -> tuple[ScorePair, ...]:
    """The scores that both runs have, tested on common samples; none where a run has no samples."""
    if a.samples is None or b.samples is None:
        return ()
    first, second = a.samples.aggregates, b.samples.aggregates
    aggregates = {name: first[name] for name in in_order([name for name in first if name in second])}
    columns_a = {name: column[pairs.a] for name, column in a.samples.columns.items()}
    columns_b = {name: column[pairs.b] for name, column in b.samples.columns.items()}
    falling = [name for name in aggregates if lower_is_better(name)]
    tests = paired_bootstrap(columns_a, columns_b, aggregates, falling, resamples, seed)
    return tuple(ScorePair(one.name, one.a, one.b, one.a_interval, one.b_interval, one) for one in tests)


def published_scores(a: RunData, b: RunData) -> tuple[ScorePair, ...]:
    """The scores that both runs published."""
    one, other = a.run, b.run
    return tuple(
        ScorePair(name, one.scores[name], other.scores[name], one.intervals.get(name), other.intervals.get(name))
        for name in in_order([name for name in one.scores if name in other.scores])
    )


def select_scores(found: Comparison, names: Sequence[str]) -> tuple[str, ...]:
    """The scores to show: those named, else all; raises `UsageError` for one that is not in both runs."""
    known = [one.name for one in found.scores]
    for name in names:
        if name not in known:
            raise UsageError(f"--score {name}: not a score of both; they have {', '.join(known)}")
    return tuple(names or known)


def sample_differences(pairs: RowPairs, a: str = "A", b: str = "B") -> list[str]:
    """Sentences about the samples that are not the same in both runs: their number, and the first of them."""
    groups = [
        (f"only in {a}", pairs.only_a),
        (f"only in {b}", pairs.only_b),
        ("with another reference", pairs.other_reference),
    ]
    return [f"{_named(names)} {words}" for words, names in groups if names]


def _named(names: Sequence[str]) -> str:
    first = ", ".join(name[:12] for name in names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return f"{len(names):,} {'formulas' if len(names) > 1 else 'formula'} ({first})"


def _sample_pairs(a: RunData, b: RunData, pairs: RowPairs) -> list[SamplePair]:
    assert a.samples
    assert b.samples
    left, right = a.samples.rows.take(pairs.a).to_pylist(), b.samples.rows.take(pairs.b).to_pylist()
    return [SamplePair(one, other, _gain(one, other)) for one, other in zip(left, right, strict=True)]


def _gain(a: gallery.ScoredRow, b: gallery.ScoredRow) -> float:
    """Improvement of B over A: 1 for a formula that is now correct, plus the decrease of the share of wrong tokens."""
    if a["image_exact"] is None or b["image_exact"] is None:
        a, b = ({**row, "image_exact": None} for row in (a, b))
    return gallery.is_correct(b) - gallery.is_correct(a) + gallery.error_share(a) - gallery.error_share(b)


def _length(one: SamplePair) -> int:
    return len(one.a["reference"].split())


def as_text(found: Comparison, scores: Sequence[str], examples: int) -> Group:
    """The comparison for a terminal, with the first `examples` of the formulas that became better and worse."""
    parts: list[Text | Table | Padding] = [Text(f"A  {found.a.name}\nB  {found.b.name}\n")]
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
